import { computed, watch, type ComputedRef, type Ref } from "vue";
import { useRoute } from "vue-router";
import { api, unwrap } from "@/api/client";
import type { AuditEvent } from "@/api/types";
import { useAsyncAction } from "@/composables/useAsyncAction";

/** The event that the address names: from the list if it is there, else asked for by itself. */
export function useOpenedEvent(items: Ref<AuditEvent[]>) {
  const route = useRoute();
  const id: ComputedRef<string> = computed(() => (typeof route.params.id === "string" ? route.params.id : ""));
  const fetched = useAsyncAction((signal, wanted: string) => unwrap(api.GET("/api/v1/audit/events/{id}", { params: { path: { id: wanted } }, signal })));
  const listed = computed(() => items.value.find((e) => e.id === id.value) ?? null);
  const event = computed(() => listed.value ?? (fetched.data.value?.id === id.value ? fetched.data.value : null));

  watch(
    id,
    (wanted) => {
      if (wanted && !event.value) void fetched.run(wanted);
    },
    { immediate: true },
  );

  const index = computed(() => items.value.findIndex((e) => e.id === id.value));
  const up = computed(() => (index.value > 0 ? (items.value[index.value - 1] ?? null) : null));
  const down = computed(() => (index.value >= 0 ? (items.value[index.value + 1] ?? null) : null));
  return { id, event, up, down, error: fetched.error, pending: fetched.pending, retry: () => fetched.run(id.value) };
}
