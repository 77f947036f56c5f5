import { defineStore } from "pinia";
import { computed, ref, shallowReactive } from "vue";

/** Something that the palette can do, or somewhere it can go. */
export interface PaletteItem {
  id: string;
  group: "do" | "go";
  /** A key of the catalogue, or a function for a text with values. */
  label: string | (() => string);
  icon: string;
  /** The shortcut's label in the catalogue of keys, where it has one: its keys are shown. */
  keys?: string;
  /** Without one of these actions the item is not there. */
  action?: string | readonly string[];
  run: () => unknown;
}

/** What the palette offers beyond pages, people, models and pasted ids; each page and area registers its own. */
export const usePaletteStore = defineStore("palette", () => {
  const open = ref(false);
  const registered = shallowReactive(new Map<string, PaletteItem>());

  /** Answers what takes the items away again. A later item of the same id stands in for an earlier one. */
  function register(items: readonly PaletteItem[]): () => void {
    for (const item of items) registered.set(item.id, item);
    return () => {
      for (const item of items) if (registered.get(item.id) === item) registered.delete(item.id);
    };
  }

  return { open, items: computed(() => [...registered.values()]), register };
});
