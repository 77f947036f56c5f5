import { computed, onScopeDispose, ref, watch, type Ref } from "vue";
import { api, unwrap } from "@/api/client";
import { toApiError } from "@/api/error";
import type { HygieneFinding, RuleHits } from "@/api/types";
import type { RuleText } from "@/lib/rules";
import { useResource } from "./useResource";

const grave = ["contradictory", "shadowed", "expired", "unknown_principal", "unknown_model", "expiring", "never_matched"];
const mostHits = 12;
const mostTries = 5;

/** What is odd about the rules, by rule, the gravest first. Keys that nobody uses have their own page. */
export function useHygiene() {
  const resource = useResource((signal) => unwrap(api.GET("/api/v1/acl/hygiene", { signal })), { on: ["policy"] });
  const byRule = computed(() => {
    const out = new Map<string, HygieneFinding[]>();
    const rank = (f: HygieneFinding) => (grave.indexOf(f.code) + grave.length) % grave.length;
    for (const f of resource.data.value?.items ?? []) if (f.rule_id) out.set(f.rule_id, [...(out.get(f.rule_id) ?? []), f].sort((a, b) => rank(a) - rank(b)));
    return out;
  });
  return { ...resource, of: (id: string): HygieneFinding[] => byRule.value.get(id) ?? [] };
}
export type Hygiene = ReturnType<typeof useHygiene>;

/**
 * How often the report-only rules would have decided, and the opened rule did. Each count reads much of the log, so they are asked
 * for one after another, the opened rule's first, and no longer than somebody looks; where the server is busy, again when it says.
 * What cannot be counted is not said.
 */
export function useRuleHits(rules: Ref<readonly RuleText[]>, opened: Ref<string>) {
  const hits = ref<Record<string, RuleHits>>({});
  const wanted = computed(() => {
    const reporting = rules.value.filter((r) => r.mode === "report-only").flatMap((r) => r.id ?? []).slice(0, mostHits);
    return [...new Set([...(opened.value && rules.value.some((r) => r.id === opened.value) ? [opened.value] : []), ...reporting])];
  });
  const failed = new Set<string>();
  let asking = "";
  let controller = new AbortController();
  let over = false;
  let again: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;

  async function count(): Promise<void> {
    const rule = wanted.value.find((id) => !hits.value[id] && !failed.has(id));
    if (over || asking !== "" || again !== undefined || rule === undefined) return;
    asking = rule;
    controller = new AbortController();
    try {
      const found = await unwrap(api.GET("/api/v1/acl/rules/{rule}/hits", { params: { path: { rule } }, signal: controller.signal }));
      hits.value = { ...hits.value, [rule]: found };
      tries = 0;
    } catch (thrown) {
      const wait = toApiError(thrown).retryAfter;
      if (!controller.signal.aborted) {
        if (wait !== null && ++tries <= mostTries) again = setTimeout(resume, wait * 1000);
        else failed.add(rule);
      }
    }
    asking = "";
    await count();
  }
  function resume(): void {
    again = undefined;
    void count();
  }
  watch(() => wanted.value.join("\n"), () => {
    failed.clear();
    tries = 0;
    if (!wanted.value.includes(asking)) controller.abort();
    void count();
  }, { immediate: true });
  onScopeDispose(() => {
    over = true;
    clearTimeout(again);
    controller.abort();
  });
  return { of: (id: string): RuleHits | null => hits.value[id] ?? null };
}
