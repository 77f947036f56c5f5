import { getCurrentScope, onScopeDispose, readonly, ref, toValue, watch, type MaybeRefOrGetter } from "vue";

/** Follows a flag, but turns true only after it has been true for a while: no skeleton flashes by. */
export function useDelayed(flag: MaybeRefOrGetter<boolean>, ms = 200) {
  const shown = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(
    () => toValue(flag),
    (on) => {
      clearTimeout(timer);
      if (!on) shown.value = false;
      else timer = setTimeout(() => (shown.value = true), ms);
    },
    { immediate: true },
  );
  if (getCurrentScope()) onScopeDispose(() => clearTimeout(timer));
  return readonly(shown);
}
