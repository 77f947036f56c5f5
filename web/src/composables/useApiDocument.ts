import { computed } from "vue";
import { api, unwrap } from "@/api/client";
import { readOperations } from "@/lib/openapi/read";
import type { OpenApi } from "@/lib/openapi/types";
import { useResource } from "./useResource";

/** The contract of the server that this page came from, and its operations. */
export function useApiDocument() {
  const { data, error, loading, reload } = useResource(async (signal) => (await unwrap(api.GET("/api/v1/openapi.json", { signal }))) as unknown as OpenApi);
  const operations = computed(() => (data.value ? readOperations(data.value) : []));
  return { document: data, operations, error, loading, reload };
}
