import { computed, watch } from "vue";
import { api, unwrap } from "@/api/client";
import { stored } from "@/api/stored";
import type { AccessRequest } from "@/api/types";
import { useAccess } from "./useAccess";
import { useAsyncAction } from "./useAsyncAction";
import { useFollowed } from "./useFollowed";
import { usePagination } from "./usePagination";
import { useResource } from "./useResource";
import { useUrlFilters } from "./useUrlFilters";

export const requestStates = ["open", "approved", "declined", "withdrawn", "expired"] as const;
const requestFilters = ["of", "status"] as const;

/** Requests for access: one's own, or everybody's for who decides, who begins with what waits. `status=any` is all of them. */
export function useRequests() {
  const { can } = useAccess();
  const { filters, set } = useUrlFilters(requestFilters);
  const decides = computed(() => can("acl.manage"));
  const mine = computed(() => !decides.value || filters.value.of === "mine");
  const status = computed(() => requestStates.find((s) => s === filters.value.status) ?? (mine.value || filters.value.status === "any" ? undefined : "open"));
  const list = usePagination<AccessRequest>((cursor, signal) =>
    unwrap(api.GET("/api/v1/access/requests", { params: { query: { limit: 50, cursor: cursor ?? undefined, mine: mine.value || undefined, status: status.value } }, signal })));
  watch([mine, status], () => (list.reset(), void list.reload()), { immediate: true });
  useFollowed("request", () => void (list.items.value.length <= 50 && list.reload()));

  /** Rules that come from a file take no rule from here, so no yes. */
  const source = useResource((signal) => (decides.value ? unwrap(api.GET("/api/v1/acl/rules", { params: { query: { limit: 1 } }, signal })).then((page) => page.source) : Promise.resolve("database" as const)), { on: ["policy"] });
  const fromFile = computed(() => source.data.value === "file");

  const path = (id: string) => ({ path: { id } });
  const now = (id: string, call: Promise<AccessRequest>) => stored(call, () => unwrap(api.GET("/api/v1/access/requests/{id}", { params: path(id) })));
  const approve = useAsyncAction((signal, id: string, body: { reason?: string; until?: string }) => now(id, unwrap(api.POST("/api/v1/access/requests/{id}/approve", { params: path(id), body, signal }))));
  const decline = useAsyncAction((signal, id: string, reason: string) => now(id, unwrap(api.POST("/api/v1/access/requests/{id}/decline", { params: path(id), body: { reason }, signal }))));
  const withdraw = useAsyncAction((signal, id: string) => now(id, unwrap(api.POST("/api/v1/access/requests/{id}/withdraw", { params: path(id), body: {}, signal }))));
  return { list, set, decides, fromFile, mine, status, approve, decline, withdraw };
}
