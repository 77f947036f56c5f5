import { getCurrentScope, onScopeDispose } from "vue";
import { useLive } from "@/stores/live";
import { usePoll } from "./usePoll";

const everyMs = 60_000;
const settleMs = 300;

/**
 * Calls `soon` a moment after somebody did something with a request or a review: who asked and who manages
 * rules hear of it, a changed rule is heard by everybody, and for the owners of rules there is a look every minute while the page is in view.
 */
export function useFollowed(kind: "request" | "review", soon: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const settle = (): void => {
    clearTimeout(timer);
    timer = setTimeout(soon, settleMs);
  };
  const off = useLive().on({ ...(kind === "request" ? { request: settle } : { review: settle }), policy: settle, reset: settle });
  usePoll(soon, everyMs);
  if (getCurrentScope()) onScopeDispose(() => (clearTimeout(timer), off()));
}
