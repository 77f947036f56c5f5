import { getCurrentScope, onScopeDispose, readonly, ref } from "vue";

/** Whether a media query holds, kept up to date. */
export function useMedia(query: string) {
  const list = matchMedia(query);
  const holds = ref(list.matches);
  const listen = (e: MediaQueryListEvent) => (holds.value = e.matches);
  list.addEventListener("change", listen);
  if (getCurrentScope()) onScopeDispose(() => list.removeEventListener("change", listen));
  return readonly(holds);
}
