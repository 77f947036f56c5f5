import { getCurrentScope, onScopeDispose } from "vue";
import { useLive } from "@/stores/live";
import { usePoll } from "./usePoll";

const everyMs = 60_000;
const settleMs = 300;

/**
 * Calls `soon` a moment after somebody did something with a request or a review: who reads the audit hears of each, a changed
 * rule is heard by everybody, and for the rest there is a look every minute while the page is in view.
 */
export function useFollowed(kind: "request" | "review", soon: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const settle = (): void => {
    clearTimeout(timer);
    timer = setTimeout(soon, settleMs);
  };
  const off = useLive().on({ audit: (row) => void (row.resource.startsWith(kind + ":") && settle()), policy: settle, reset: settle });
  usePoll(soon, everyMs);
  if (getCurrentScope()) onScopeDispose(() => (clearTimeout(timer), off()));
}
