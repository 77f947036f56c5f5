import { ref, toValue, watch, type MaybeRefOrGetter } from "vue";
import type { AuditEvent } from "@/api/types";
import { recompute } from "@/lib/canonical";

export type Recomputed = "" | "equal" | "differs" | "impossible";

/** Computes an event's hash again in the browser, from the event as published, and compares. */
export function useRecompute(event: MaybeRefOrGetter<AuditEvent | null>) {
  const result = ref<Recomputed>("");
  let generation = 0;
  watch(
    () => toValue(event),
    async (e) => {
      const mine = ++generation;
      result.value = "";
      if (!e) return;
      const hash = e.v === 1 ? await recompute(e) : null;
      if (mine === generation) result.value = hash === null ? "impossible" : hash === e.hash ? "equal" : "differs";
    },
    { immediate: true },
  );
  return result;
}
