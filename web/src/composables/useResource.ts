import { getCurrentScope, onScopeDispose, readonly, ref, shallowRef, watch } from "vue";
import { toApiError, type ApiError } from "@/api/error";
import type { Handlers, LiveType } from "@/lib/liveEvents";
import { useLive } from "@/stores/live";
import { useServer } from "@/stores/server";
import { usePoll } from "./usePoll";

export interface ResourceOptions<T> {
  /** Events of the server after which it is read again, a moment later: a burst is one reading. */
  on?: readonly LiveType[];
  /** Read again every so often, while the page is in view and in use. */
  everyMs?: number;
  /** What is read. A change forgets the old data at once: it belongs to something else. An empty one reads nothing. */
  key?: () => string;
  /** While true, what happens on the server is not followed: the page itself is just ending what this reads. */
  hold?: () => boolean;
  /** What is there before the first answer. */
  initial?: T;
}

const settleMs = 300;

/**
 * One thing of the server. Data stays while it is read again and when that fails; `error` then says why it is old.
 * A slow answer never overwrites a newer one. `loading` is any reading, `loadedAt` the moment of the data, 0 for none.
 */
export function useResource<T>(load: (signal: AbortSignal) => Promise<T>, options: ResourceOptions<T> = {}) {
  const data = shallowRef<T | null>(options.initial ?? null);
  const error = shallowRef<ApiError | null>(null);
  const loading = ref(false);
  const loadedAt = ref(0);
  let generation = 0;
  let controller: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function reload(): Promise<void> {
    if (options.key?.() === "") return;
    controller?.abort();
    clearTimeout(timer);
    const own = (controller = new AbortController());
    const mine = ++generation;
    loading.value = true;
    try {
      const answer = await load(own.signal);
      if (mine !== generation) return;
      set(answer);
    } catch (thrown) {
      if (mine === generation) error.value = toApiError(thrown);
    } finally {
      if (mine === generation) loading.value = false;
    }
  }

  /** Takes over what a write answered: newer than anything that is still under way. */
  function set(value: T): void {
    generation++;
    loading.value = false;
    data.value = value;
    error.value = null;
    loadedAt.value = Date.now();
  }

  function forget(): void {
    generation++;
    controller?.abort();
    data.value = options.initial ?? null;
    error.value = null;
    loading.value = false;
    loadedAt.value = 0;
  }

  /** Soon, and once for all that happens until then. */
  function soon(): void {
    clearTimeout(timer);
    timer = setTimeout(() => options.hold?.() || void reload(), settleMs);
  }

  if (options.key) watch(options.key, () => (forget(), void reload()));
  if (options.on) {
    const handlers = Object.fromEntries([...options.on, "reset"].map((type) => [type, soon])) as Handlers;
    const off = useLive().on(handlers);
    if (getCurrentScope()) onScopeDispose(off);
  }
  // The server is back: what could not be read then, or was read long ago, is read now.
  const server = useServer();
  watch(() => server.backAt, soon);
  if (options.everyMs) usePoll(() => void reload(), options.everyMs);
  if (getCurrentScope()) {
    onScopeDispose(() => {
      generation++;
      controller?.abort();
      clearTimeout(timer);
    });
  }
  void reload();
  return { data, error: readonly(error), loading: readonly(loading), loadedAt: readonly(loadedAt), reload, set };
}
