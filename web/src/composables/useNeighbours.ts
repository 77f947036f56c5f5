import { computed } from "vue";
import { api, unwrap } from "@/api/client";
import type { AuditEvent } from "@/api/types";
import { useChain } from "@/stores/chain";
import { useResource } from "./useResource";

/** The rows on both sides of an event in the chain, whatever a list leaves out. */
export function useNeighbours(event: () => AuditEvent | null) {
  const chain = useChain();
  const newest = computed(() => chain.chain?.head.seq === event()?.seq);
  const sides = useResource((signal) => unwrap(api.GET("/api/v1/audit/events/{id}/neighbours", { params: { path: { id: event()?.id ?? "" } }, signal })), {
    key: () => (event()?.id ?? "") && `${event()?.id} ${newest.value}`,
  });
  return { newer: computed(() => sides.data.value?.newer ?? null), older: computed(() => sides.data.value?.older ?? null), removed: computed(() => [sides.data.value?.newer_removed, sides.data.value?.older_removed].filter((stone) => !!stone)), loaded: computed(() => sides.data.value !== null), newest, error: sides.error };
}
