import { computed, shallowRef, watch, type Ref } from "vue";

/**
 * A list that is followed but does not move under the reader: what is new waits until it is asked for, what went stays and is
 * marked. The first list is shown at once.
 */
export function useHeld<T>(current: Ref<readonly T[] | null | undefined>, key: (item: T) => string) {
  const shown = shallowRef<readonly T[] | null>(null);
  const show = (): void => void (shown.value = current.value ?? null);
  const keys = (list: readonly T[] | null | undefined) => new Set((list ?? []).map(key));

  watch(
    current,
    (now) => {
      if (shown.value === null || !now) return show();
      const old = keys(shown.value);
      const same = now.length === shown.value.length && now.every((item) => old.has(key(item)));
      if (same || shown.value.length === 0) return show(); // values may be newer, places are the same
      const byKey = new Map(now.map((item) => [key(item), item]));
      shown.value = shown.value.map((item) => byKey.get(key(item)) ?? item);
    },
    { immediate: true },
  );

  const fresh = computed(() => {
    const old = keys(shown.value);
    return (current.value ?? []).filter((item) => !old.has(key(item))).length;
  });
  const gone = computed(() => {
    const now = keys(current.value);
    return new Set([...keys(shown.value)].filter((k) => !now.has(k)));
  });
  return { shown, fresh, gone, show };
}
