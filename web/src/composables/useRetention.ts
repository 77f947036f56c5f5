import { api, unwrap } from "@/api/client";
import type { Hold, NewHold, Retention, RetentionDays } from "@/api/types";
import { useAsyncAction } from "./useAsyncAction";
import { usePagination } from "./usePagination";
import { useResource } from "./useResource";

/** What is kept for how long, what a removal would take, and holds. Nothing is removed by looking. */
export function useRetention() {
  const state = useResource<Retention>((signal) => unwrap(api.GET("/api/v1/audit/retention", { signal })), { everyMs: 15_000 });
  const holds = usePagination<Hold>((cursor, signal) => unwrap(api.GET("/api/v1/audit/holds", { params: { query: { all: true, cursor: cursor ?? undefined } }, signal })));
  void holds.reload();

  const save = useAsyncAction(async (signal, version: number, body: RetentionDays) => {
    const answer = await unwrap(api.PUT("/api/v1/audit/retention", { params: { header: { "If-Match": `"v${version}"` } }, body, signal }));
    state.set(answer);
    return answer;
  });
  const prune = useAsyncAction((signal) => unwrap(api.POST("/api/v1/audit/prune", { body: { dry_run: false }, signal })));
  const clock = useAsyncAction((signal, reason: string) => unwrap(api.POST("/api/v1/audit/retention/clock", { body: { reason }, signal })).then(() => true));
  const add = useAsyncAction((signal, body: NewHold) => unwrap(api.POST("/api/v1/audit/holds", { body, signal })));
  const release = useAsyncAction((signal, id: string, reason: string) => unwrap(api.POST("/api/v1/audit/holds/{id}/release", { params: { path: { id } }, body: { reason }, signal })));
  const again = () => Promise.all([state.reload(), holds.reload()]);
  return { state, holds, save, prune, clock, add, release, again };
}
