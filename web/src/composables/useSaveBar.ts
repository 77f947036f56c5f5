import { onScopeDispose, readonly, ref, toValue, type MaybeRefOrGetter } from "vue";
import { useRouter } from "vue-router";

/**
 * Unsaved changes are not lost by leaving: another page, or another object of the same page, is asked about first. `asking` is
 * true while the question stands; `leave` goes on, `stay` does not. Closing the window is asked about by the browser. `within`
 * names a route that is one editor whatever its parameters choose.
 */
export function useSaveBar(dirty: MaybeRefOrGetter<boolean>, within?: string) {
  const asking = ref(false);
  let answer: (go: boolean) => void = () => {};

  function settle(go: boolean): void {
    asking.value = false;
    answer(go);
  }

  const off = useRouter().beforeEach((to, from) => {
    if (!toValue(dirty) || to.path === from.path || (within !== undefined && to.name === within && from.name === within) || to.meta.gate) return true;
    answer(false);
    asking.value = true;
    return new Promise<boolean>((resolve) => (answer = resolve));
  });

  function closing(event: BeforeUnloadEvent): void {
    if (toValue(dirty)) event.preventDefault();
  }
  window.addEventListener("beforeunload", closing);
  onScopeDispose(() => {
    off();
    answer(true);
    window.removeEventListener("beforeunload", closing);
  });
  return { asking: readonly(asking), leave: () => settle(true), stay: () => settle(false) };
}
