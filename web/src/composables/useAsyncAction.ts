import { getCurrentScope, onScopeDispose, readonly, ref, shallowRef } from "vue";
import { toApiError, type ApiError } from "@/api/error";

/**
 * Wraps one asynchronous deed. A newer run replaces an older one: the older is aborted and its answer
 * dropped. Errors are kept until the next run or dismiss; an abort is no error.
 */
export function useAsyncAction<A extends unknown[], T>(deed: (signal: AbortSignal, ...args: A) => Promise<T>) {
  const pending = ref(false);
  const error = shallowRef<ApiError | null>(null);
  const data = shallowRef<T | null>(null);
  let generation = 0;
  let controller: AbortController | null = null;

  function cancel(): void {
    generation++;
    controller?.abort();
    controller = null;
    pending.value = false;
  }

  async function run(...args: A): Promise<T | null> {
    cancel();
    const mine = ++generation;
    const own = (controller = new AbortController());
    pending.value = true;
    error.value = null;
    try {
      const answer = await deed(own.signal, ...args);
      if (mine !== generation) return null;
      data.value = answer;
      return answer;
    } catch (thrown) {
      if (mine !== generation) return null;
      const e = toApiError(thrown);
      if (e.code !== "canceled" || e.status !== 0) error.value = e;
      return null;
    } finally {
      if (mine === generation) {
        pending.value = false;
        controller = null;
      }
    }
  }

  function dismiss(): void {
    error.value = null;
  }

  function clear(): void {
    cancel();
    data.value = null;
    error.value = null;
  }

  if (getCurrentScope()) onScopeDispose(cancel);
  return { pending: readonly(pending), error: readonly(error), data, run, cancel, dismiss, clear };
}
