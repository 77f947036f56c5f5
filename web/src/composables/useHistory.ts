import { computed, watch } from "vue";
import { api, unwrap } from "@/api/client";
import type { HistoryRow, Severity, VerdictAction } from "@/api/types";
import { useAccess } from "@/composables/useAccess";
import { useFreshRows } from "@/composables/useFreshRows";
import { usePagination } from "@/composables/usePagination";
import { useUrlFilters } from "@/composables/useUrlFilters";
import { historyFilters } from "@/lib/filters";
import { timeQuery } from "@/lib/range";
import { useSession } from "@/stores/session";

export const severities: Severity[] = ["Safe", "Controversial", "Unsafe"];
export const verdictActions: VerdictAction[] = ["allow", "block", "review"];

/** The history with its filters in the address: one's own rows, or everybody's where the role may. */
export function useHistory() {
  const { can } = useAccess();
  const session = useSession();
  const { filters, set, clear } = useUrlFilters(historyFilters);
  const scope = computed(() => (can("moderation.read_all") ? (filters.value.scope === "own" ? "own" : "all") : "own"));
  const range = computed(() => filters.value.range || "all");
  const narrowed = computed(() => historyFilters.some((f) => f !== "scope" && filters.value[f] !== ""));

  const read = (cursor: string | null, signal?: AbortSignal) => {
    const f = filters.value;
    const query = {
      limit: 50,
      cursor: cursor ?? undefined,
      scope: scope.value as "own" | "all",
      ...timeQuery({ range: range.value, from: f.from, to: f.to }, new Date()),
      severity: severities.find((s) => s === f.severity),
      action: verdictActions.find((a) => a === f.action),
      model: f.model || undefined,
      request_id: f.request_id || undefined,
    };
    return unwrap(api.GET("/api/v1/moderations", { params: { query }, signal }));
  };
  const list = usePagination<HistoryRow>(read);

  function fits(row: HistoryRow): boolean {
    const f = filters.value;
    const wanted = (value: string, own: string) => value === "" || value === own;
    return (
      (scope.value === "all" || row.actor.id === session.user?.id) &&
      (f.to === "" || row.created_at < f.to) && wanted(f.severity, row.severity) && wanted(f.action, row.action) && wanted(f.model, row.model.id) && wanted(f.request_id, row.request_id)
    );
  }
  const fresh = useFreshRows(list, fits, async () => (await read(null)).items);

  function reload(): Promise<void> {
    fresh.forget();
    return list.reload();
  }
  watch(() => JSON.stringify({ ...filters.value, scope: scope.value }), reload, { immediate: true });
  return { filters, set, clear, scope, range, narrowed, list, fresh: fresh.count, reload };
}
