import { onScopeDispose } from "vue";

/** For a field's blur: calls at once, or, where a press made the field be left, once the press is over. What moves under a press is missed by it. */
export function useLeave(call: () => unknown): () => void {
  let pressed = false;
  const down = (): void => void (pressed = true);
  const up = (): void => void (pressed = false);
  const ends = ["pointerup", "pointercancel"] as const;
  document.addEventListener("pointerdown", down, true);
  ends.forEach((e) => document.addEventListener(e, up, true));
  onScopeDispose(() => {
    document.removeEventListener("pointerdown", down, true);
    ends.forEach((e) => document.removeEventListener(e, up, true));
  });

  return () => {
    if (!pressed) return void call();
    const own = new AbortController();
    const after = (): void => {
      own.abort();
      setTimeout(call); // the click comes with the end of the press
    };
    ends.forEach((e) => document.addEventListener(e, after, { signal: own.signal }));
  };
}
