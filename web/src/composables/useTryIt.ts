import { onScopeDispose, ref, shallowRef } from "vue";
import { toApiError, type ApiError } from "@/api/error";
import { download } from "@/lib/download";
import { send, type Kept, type Reply, type ToSend } from "@/lib/openapi/send";

/** One request at a time, and what came of it. A stream grows until it is stopped; leaving the page stops it too. */
export function useTryIt() {
  const reply = shallowRef<Reply | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const busy = ref(false);
  let kept: Kept | null = null;
  let controller: AbortController | null = null;

  async function run(request: ToSend): Promise<void> {
    stop();
    const own = (controller = new AbortController());
    const mine = () => controller === own;
    busy.value = true;
    error.value = null;
    reply.value = null;
    try {
      const bytes = await send(request, own.signal, (r) => mine() && (reply.value = r));
      if (mine()) kept = bytes;
    } catch (thrown) {
      if (mine()) error.value = toApiError(thrown);
    } finally {
      if (mine()) busy.value = false;
    }
  }

  function stop(): void {
    controller?.abort();
  }

  function clear(): void {
    stop();
    controller = null;
    kept = null;
    busy.value = false;
    reply.value = null;
    error.value = null;
  }

  function save(name: string): void {
    if (kept && reply.value) download(name + (/json/.test(reply.value.type) ? ".json" : reply.value.readable ? ".txt" : ".bin"), kept.blob());
  }

  onScopeDispose(clear);
  return { reply, error, busy, run, stop, clear, save };
}
