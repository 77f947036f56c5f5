import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";

/** Filters that live in the address: a page can be sent to somebody, reloaded, and walked back through. */
export function useUrlFilters<K extends string>(names: readonly K[]) {
  const route = useRoute();
  const router = useRouter();

  const filters = computed(() => {
    const out = {} as Record<K, string>;
    for (const name of names) {
      const v = route.query[name];
      out[name] = typeof v === "string" ? v : "";
    }
    return out;
  });

  /** Replaces the address; with `push` the way back leads to what stood there before. */
  async function set(change: Partial<Record<K, string>>, push = false): Promise<void> {
    const query: Record<string, string> = {};
    const next = { ...filters.value, ...change };
    for (const name of names) if (next[name]) query[name] = next[name];
    const to = { name: route.name ?? undefined, params: route.params, query };
    await (push ? router.push(to) : router.replace(to));
  }

  const clear = () => set(Object.fromEntries(names.map((n) => [n, ""])) as Partial<Record<K, string>>);
  const active = computed(() => names.some((n) => filters.value[n] !== ""));
  return { filters, set, clear, active };
}
