import { computed, watch } from "vue";
import { api, unwrap } from "@/api/client";
import type { Decision } from "@/api/types";
import { usePagination } from "@/composables/usePagination";
import { useUrlFilters } from "@/composables/useUrlFilters";
import { rangeStart } from "@/lib/range";

export const auditFilters = ["range", "actor", "action", "model", "decision", "ip", "request_id", "q"] as const;
const decisions: Decision[] = ["allow", "deny", "error"];

/** The audit list with its filters in the address. A request id is looked for in all time, else today is shown. */
export function useAuditLog() {
  const { filters, set, clear } = useUrlFilters(auditFilters);
  const range = computed(() => filters.value.range || (filters.value.request_id ? "all" : "today"));
  const narrowed = computed(() => auditFilters.some((f) => f !== "range" && filters.value[f] !== ""));
  const filtered = computed(() => narrowed.value || range.value !== "all");

  const query = computed(() => {
    const f = filters.value;
    const from = rangeStart(range.value, new Date());
    return {
      from: from?.toISOString(),
      actor: f.actor || undefined,
      action: f.action || undefined,
      model: f.model || undefined,
      decision: decisions.find((d) => d === f.decision),
      ip: f.ip || undefined,
      request_id: f.request_id || undefined,
      q: f.q || undefined,
    };
  });

  const list = usePagination((cursor, signal) =>
    unwrap(api.GET("/api/v1/audit/events", { params: { query: { ...query.value, limit: 200, cursor: cursor ?? undefined } }, signal })),
  );

  watch(() => JSON.stringify({ ...filters.value, range: range.value }), list.reload, { immediate: true });
  return { filters, set, clear, range, narrowed, filtered, list };
}
