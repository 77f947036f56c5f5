import { computed, ref, watch } from "vue";
import { api, unwrap } from "@/api/client";
import type { Decision } from "@/api/types";
import { usePagination } from "@/composables/usePagination";
import { useResource } from "@/composables/useResource";
import { useUrlFilters } from "@/composables/useUrlFilters";
import { auditFilters, type AuditFilter } from "@/lib/filters";
import { stripQuery, timeQuery } from "@/lib/range";

const decisions: Decision[] = ["allow", "deny", "error"];
const aside: readonly AuditFilter[] = ["range", "from", "to", "order", "view"];

/** The audit list and its volume with their filters in the address. Of one person or one request all time is shown, else today. */
export function useAuditLog() {
  const { filters, set } = useUrlFilters(auditFilters);
  const range = computed(() => filters.value.range || (filters.value.request_id || filters.value.actor ? "all" : "today"));
  const own = computed(() => filters.value.from !== "" || filters.value.to !== "");
  const narrowed = computed(() => auditFilters.some((f) => !aside.includes(f) && filters.value[f] !== ""));
  const oldest = computed(() => filters.value.order === "oldest" && filters.value.view === "");
  const time = computed(() => ({ range: range.value, from: filters.value.from, to: filters.value.to }));
  const now = ref(new Date()); // what "the last hour" is counted from, until it is read again

  const narrow = computed(() => {
    const f = filters.value;
    return {
      actor: f.actor || undefined,
      action: f.action || undefined,
      model: f.model || undefined,
      decision: decisions.find((d) => d === f.decision),
      ip: f.ip || undefined,
      rule: f.rule || undefined,
      reason: f.reason || undefined,
      purpose: f.purpose || undefined,
      key: f.key || undefined,
      request_id: f.request_id || undefined,
      q: f.q || undefined,
    };
  });
  const query = computed(() => ({ ...timeQuery(time.value, now.value), ...narrow.value }));

  /** How far the list is searched, where the server stopped before its end. */
  const searchedTo = ref<string | null>(null);
  const list = usePagination(async (cursor, signal) => {
    const order = oldest.value ? ("oldest" as const) : undefined;
    const page = await unwrap(api.GET("/api/v1/audit/events", { params: { query: { ...query.value, order, limit: 200, cursor: cursor ?? undefined } }, signal }));
    searchedTo.value = page.searched_to;
    return page;
  });
  const volume = useResource(
    (signal) => unwrap(api.GET("/api/v1/audit/volume", { params: { query: { ...stripQuery(time.value, new Date()), ...narrow.value } }, signal })),
    { key: () => JSON.stringify({ ...time.value, ...narrow.value }), everyMs: 60_000 },
  );

  function reload(): Promise<void> {
    now.value = new Date();
    return list.reload();
  }
  const clear = () => set(Object.fromEntries(auditFilters.filter((f) => !aside.includes(f)).map((f) => [f, ""])));
  watch(() => JSON.stringify({ ...filters.value, range: range.value, view: "" }), () => void reload(), { immediate: true });
  return { filters, set, clear, range, own, narrowed, narrow, oldest, query, list, searchedTo, volume, reload };
}
