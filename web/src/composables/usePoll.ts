import { onScopeDispose } from "vue";

const idleAfterMs = 5 * 60_000;

/**
 * Calls again and again, but only while the page is in view and somebody has touched it in the last five
 * minutes: a forgotten page must not keep a session alive that the server would end.
 */
export function usePoll(call: () => void, everyMs: number): void {
  let touched = Date.now();
  const touch = () => (touched = Date.now());
  const events = ["pointerdown", "pointermove", "keydown"] as const;
  events.forEach((e) => document.addEventListener(e, touch, { passive: true }));
  const timer = setInterval(() => {
    if (document.visibilityState === "visible" && Date.now() - touched < idleAfterMs) call();
  }, everyMs);
  onScopeDispose(() => {
    clearInterval(timer);
    events.forEach((e) => document.removeEventListener(e, touch));
  });
}
