import { computed, getCurrentScope, onScopeDispose, readonly, ref, shallowRef } from "vue";
import { toApiError, type ApiError } from "@/api/error";

export interface PageOf<T> {
  items: T[];
  next_cursor?: string | null;
}

/**
 * A list read by cursor. Every reload starts a new generation; answers of an older one are dropped, so a
 * slow first page can never overwrite a newer filter. Old rows stay in view while a reload is under way.
 */
export function usePagination<T>(load: (cursor: string | null, signal: AbortSignal) => Promise<PageOf<T>>) {
  const items = shallowRef<T[]>([]);
  const cursor = ref<string | null>(null);
  const loading = ref(false);
  const loadingMore = ref(false);
  const loaded = ref(false);
  const loadedAt = ref(0);
  const error = shallowRef<ApiError | null>(null);
  let generation = 0;
  let controller: AbortController | null = null;

  async function fetchPage(from: string | null, flag: typeof loading, take: (page: PageOf<T>) => void): Promise<void> {
    controller?.abort();
    const own = (controller = new AbortController());
    const mine = ++generation;
    loading.value = false;
    loadingMore.value = false;
    flag.value = true;
    error.value = null;
    try {
      const page = await load(from, own.signal);
      if (mine !== generation) return;
      take(page);
      cursor.value = page.next_cursor ?? null;
      loaded.value = true;
      loadedAt.value = Date.now();
    } catch (thrown) {
      if (mine !== generation) return;
      error.value = toApiError(thrown);
    } finally {
      if (mine === generation) flag.value = false;
    }
  }

  const reload = () => fetchPage(null, loading, (page) => (items.value = page.items));

  async function more(): Promise<void> {
    if (cursor.value === null || loadingMore.value || loading.value) return;
    await fetchPage(cursor.value, loadingMore, (page) => (items.value = [...items.value, ...page.items]));
  }

  /** Forgets the rows, for a change after which the old ones would mislead. */
  function reset(): void {
    generation++;
    controller?.abort();
    items.value = [];
    cursor.value = null;
    loaded.value = false;
    loading.value = false;
    loadingMore.value = false;
    error.value = null;
  }

  if (getCurrentScope()) onScopeDispose(() => controller?.abort());
  return {
    items,
    loading: readonly(loading),
    loadingMore: readonly(loadingMore),
    loaded: readonly(loaded),
    loadedAt: readonly(loadedAt),
    error: readonly(error),
    hasMore: computed(() => cursor.value !== null),
    reload,
    more,
    reset,
  };
}
