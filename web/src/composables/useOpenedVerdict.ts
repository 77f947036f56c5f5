import { computed, watch, type ComputedRef, type Ref } from "vue";
import { useRoute } from "vue-router";
import { api, unwrap } from "@/api/client";
import type { HistoryRow } from "@/api/types";
import { useAsyncAction } from "@/composables/useAsyncAction";

/** The verdict that the address names: from the list if it is there, else asked for by itself. */
export function useOpenedVerdict(items: Ref<HistoryRow[]>) {
  const route = useRoute();
  const id: ComputedRef<string> = computed(() => (typeof route.params.id === "string" ? route.params.id : ""));
  const fetched = useAsyncAction((signal, wanted: string) => unwrap(api.GET("/api/v1/moderations/{id}", { params: { path: { id: wanted } }, signal })));
  const row = computed(() => items.value.find((r) => r.id === id.value) ?? (fetched.data.value?.id === id.value ? fetched.data.value : null));
  watch(
    id,
    (wanted) => {
      if (wanted && !row.value) void fetched.run(wanted);
    },
    { immediate: true },
  );
  const index = computed(() => items.value.findIndex((r) => r.id === id.value));
  const up = computed(() => (index.value > 0 ? (items.value[index.value - 1] ?? null) : null));
  const down = computed(() => (index.value >= 0 ? (items.value[index.value + 1] ?? null) : null));
  return { id, row, up, down, error: fetched.error, retry: () => fetched.run(id.value) };
}
