import { useI18n } from "vue-i18n";
import { api, unwrap } from "@/api/client";
import type { SavedFilter } from "@/api/types";
import { useAsyncAction } from "./useAsyncAction";
import { useResource } from "./useResource";
import { useToast } from "./useToast";

export type FilterPage = SavedFilter["page"];

/** The person's own filters of one page: kept, and forgotten with ten seconds to think again. */
export function useSavedFilters(page: FilterPage) {
  const { t } = useI18n();
  const toast = useToast();
  const all = useResource((signal) => unwrap(api.GET("/api/v1/filters", { params: { query: { page } }, signal })));
  const items = () => all.data.value?.items ?? [];
  const put = (list: SavedFilter[]) => all.set({ items: list, next_cursor: null });
  const byName = (list: SavedFilter[]) => [...list].sort((a, b) => a.name.localeCompare(b.name));

  const saving = useAsyncAction((signal, name: string, query: string) => unwrap(api.POST("/api/v1/filters", { body: { page, name, query }, signal })));
  async function save(name: string, query: string): Promise<boolean> {
    const saved = await saving.run(name, query);
    if (saved) put(byName([...items(), saved]));
    return saved !== null;
  }

  const removing = useAsyncAction((signal, id: string) => unwrap(api.DELETE("/api/v1/filters/{id}", { params: { path: { id } }, signal })));
  async function remove(filter: SavedFilter): Promise<void> {
    await removing.run(filter.id);
    const gone = removing.error.value;
    if (gone && gone.status !== 404) return;
    put(items().filter((f) => f.id !== filter.id));
    toast.success(t("saved.removed", { name: filter.name }), { undo: () => save(filter.name, filter.query) });
  }
  return { all, items, save, saving, remove, removing };
}
