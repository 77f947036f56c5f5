import { computed, ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { SystemCheck } from "@/api/types";
import { useResource } from "./useResource";

const rank: Record<SystemCheck["status"], number> = { fail: 0, warn: 1, ok: 2 };

/** The machine as the server's doctor found it. `again` makes a new round, which may take some seconds. */
export function useSystem() {
  const fresh = ref(false);
  const resource = useResource((signal) => unwrap(api.GET("/api/v1/system", { params: { query: fresh.value ? { fresh: true } : {} }, signal })));
  async function again(): Promise<void> {
    fresh.value = true;
    await resource.reload();
    fresh.value = false;
  }
  const checks = computed(() => [...(resource.data.value?.checks ?? [])].sort((a, b) => rank[a.status] - rank[b.status]));
  const failed = computed(() => checks.value.filter((c) => c.status === "fail").length);
  const warned = computed(() => checks.value.filter((c) => c.status === "warn").length);
  return {
    ...resource,
    again,
    failed,
    warned,
    look: computed(() => checks.value.filter((c) => c.status !== "ok")),
    good: computed(() => checks.value.filter((c) => c.status === "ok")),
  };
}
