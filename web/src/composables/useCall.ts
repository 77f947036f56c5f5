import { computed, ref, watch } from "vue";
import { firstBody, firstValue } from "@/lib/openapi/form";
import type { Op } from "@/lib/openapi/read";
import { headersOf, keyOf, missing, parseBody, target } from "@/lib/openapi/request";
import type { Sent } from "@/lib/openapi/snippets";
import type { OpenApi } from "@/lib/openapi/types";
import { useTryIt } from "./useTryIt";

/** What is typed for an operation, the request that it makes, and its answer. Another operation begins anew. */
export function useCall(op: () => Op, document: () => OpenApi) {
  const attempt = useTryIt();
  const values = ref<Record<string, string>>({});
  const body = ref("");
  const lacking = ref<string[]>([]);

  watch(() => op().id, () => {
    attempt.clear();
    values.value = Object.fromEntries(op().fields.map((f) => [keyOf(f), firstValue(document(), f)]));
    body.value = firstBody(document(), op().body);
    lacking.value = [];
  }, { immediate: true });

  const where = computed(() => target(op(), values.value));
  const sent = computed<Sent>(() => {
    const parsed = parseBody(body.value);
    return {
      method: op().method, url: location.origin + where.value, headers: headersOf(op(), values.value),
      body: op().body ? parsed.value : undefined, open: op().action === "public", streams: op().streams,
    };
  });

  /** Whether all is there that must be; says what is not. A body that is no JSON is sent as it is: the server says what is wrong with it. */
  function ready(): boolean {
    lacking.value = missing(op(), { values: values.value, body: body.value });
    return lacking.value.length === 0;
  }
  function send(): Promise<void> {
    const text = body.value.trim() === "" ? undefined : body.value;
    return attempt.run({ method: op().method, target: where.value, headers: headersOf(op(), values.value), body: op().body ? text : undefined });
  }
  const value = (key: string): unknown => values.value[key] || undefined;
  function setValue(key: string, v: unknown): void {
    values.value = { ...values.value, [key]: v === undefined || v === null ? "" : String(v as string) };
  }
  return { ...attempt, body, lacking, sent, target: where, ready, send, value, setValue };
}
