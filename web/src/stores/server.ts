import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { api, follow } from "@/api/client";

const firstWaitMs = 2_000;
const longestWaitMs = 30_000;

/** Whether the server answers at all, and whether it takes work: what every page would otherwise say for itself. */
export const useServer = defineStore("server", () => {
  const reachable = ref(true);
  /** When the next try to reach it begins. */
  const retryAt = ref(0);
  const probing = ref(false);
  /** Until when the queue is full, as the server said. */
  const busyUntil = ref(0);
  /** When it came back: what was shown meanwhile is old. */
  const backAt = ref(0);
  let tries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  follow({
    failed: (error) => {
      if (error.code === "offline") lost();
      else {
        reached();
        // Only a model's line is said on every page: of other places that are taken, who asked is told where he asked.
        if (error.code === "busy" && error.queue && error.retryAfter) busyUntil.value = Date.now() + error.retryAfter * 1000;
      }
    },
    answered: reached,
  });

  function plan(): void {
    const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** tries++);
    retryAt.value = Date.now() + wait;
    clearTimeout(timer);
    timer = setTimeout(() => void probe(), wait);
  }

  function lost(): void {
    if (!reachable.value) return;
    reachable.value = false;
    tries = 0;
    plan();
  }

  function reached(): void {
    if (reachable.value) return;
    clearTimeout(timer);
    reachable.value = true;
    retryAt.value = 0;
    backAt.value = Date.now();
  }

  /** Any answer will do, a refusal too: it comes from the server. */
  async function probe(): Promise<void> {
    if (reachable.value || probing.value) return;
    probing.value = true;
    clearTimeout(timer);
    try {
      await api.GET("/readyz");
      reached();
    } catch {
      plan();
    } finally {
      probing.value = false;
    }
  }

  window.addEventListener("offline", lost);
  window.addEventListener("online", () => void probe());
  return { reachable, retryAt, probing, busyUntil, backAt, probe, calm: computed(() => reachable.value && busyUntil.value === 0) };
});
