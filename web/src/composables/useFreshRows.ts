import { computed, shallowRef, watch, type Ref } from "vue";
import type { HistoryRow } from "@/api/types";
import { useEvents } from "./useEvents";

const most = 500;

interface List {
  items: Ref<HistoryRow[]>;
  loaded: Readonly<Ref<boolean>>;
  loadedAt: Readonly<Ref<number>>;
}

/**
 * Counts the rows that came since a list was read: it offers them and moves nothing under the reader. `fits` says
 * whether a row belongs to what is shown; `newest` reads the newest rows anew where some may have been missed.
 */
export function useFreshRows(list: List, fits: (row: HistoryRow) => boolean, newest: () => Promise<HistoryRow[]>) {
  const ids = shallowRef(new Set<string>());

  function add(rows: HistoryRow[]): void {
    if (!list.loaded.value || ids.value.size >= most) return;
    const top = list.items.value[0]?.id ?? "";
    const more = rows.filter((r) => r.id > top && fits(r) && !ids.value.has(r.id));
    if (more.length > 0) ids.value = new Set([...ids.value, ...more.map((r) => r.id)].slice(0, most));
  }
  async function look(): Promise<void> {
    if (!list.loaded.value) return;
    const at = list.loadedAt.value;
    try {
      const rows = await newest();
      if (at === list.loadedAt.value) add(rows);
    } catch {
      // The list itself says what is wrong when it is read.
    }
  }

  watch(list.loadedAt, () => {
    const top = list.items.value[0]?.id ?? "";
    ids.value = new Set([...ids.value].filter((id) => id > top));
  });
  useEvents({ verdict: (row) => add([row]), reset: () => void look(), fresh: () => void look() });
  return { count: computed(() => ids.value.size), forget: () => void (ids.value = new Set()) };
}
