import { getCurrentScope, onScopeDispose } from "vue";
import { usePaletteStore, type PaletteItem } from "@/stores/palette";

export type { PaletteItem };

/** Offers deeds and places in the command palette, for as long as the component lives. */
export function usePalette() {
  const store = usePaletteStore();
  return {
    show: () => (store.open = true),
    register(items: readonly PaletteItem[]): void {
      const off = store.register(items);
      if (getCurrentScope()) onScopeDispose(off);
    },
  };
}
