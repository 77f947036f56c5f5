import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import { saveFrom, type ExportQuery } from "@/lib/exportAddress";
import { useAsyncAction } from "./useAsyncAction";

/**
 * Has the browser save an export by itself, however long it is. What a browser saves has no page to say a refusal in: so the
 * server is asked first whether it would let this one in, and a refusal stays here, in the page's words.
 */
export function useSaving() {
  const begun = ref(false);
  const ask = useAsyncAction((signal, query: ExportQuery) => unwrap(api.GET("/api/v1/audit/export", { params: { query: { ...query, check: 1 } }, signal })).then(() => true));

  /** `query` is what is asked about, `address` what is then saved. */
  async function save(query: ExportQuery, address: string): Promise<void> {
    begun.value = false;
    if (ask.pending.value || (await ask.run(query)) !== true) return;
    saveFrom(address);
    begun.value = true;
  }
  function clear(): void {
    begun.value = false;
    ask.clear();
  }
  return { begun, error: ask.error, asking: ask.pending, save, clear };
}
