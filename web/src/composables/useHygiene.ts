import { computed, ref, watch, type Ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { HygieneFinding, RuleHits } from "@/api/types";
import type { RuleText } from "@/lib/rules";
import { useResource } from "./useResource";

const grave = ["contradictory", "shadowed", "expired", "unknown_principal", "unknown_model", "expiring", "never_matched"];
const mostHits = 12;

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

/** How often the report-only rules would have decided, and the opened rule did. What cannot be counted is not said. */
export function useRuleHits(rules: Ref<readonly RuleText[]>, opened: Ref<string>) {
  const hits = ref<Record<string, RuleHits>>({});
  const wanted = computed(() => {
    const reporting = rules.value.filter((r) => r.mode === "report-only").flatMap((r) => r.id ?? []).slice(0, mostHits);
    return [...new Set([...reporting, ...(opened.value && rules.value.some((r) => r.id === opened.value) ? [opened.value] : [])])];
  });
  watch(() => wanted.value.join("\n"), () => {
    for (const rule of wanted.value.filter((id) => !hits.value[id])) {
      unwrap(api.GET("/api/v1/acl/rules/{rule}/hits", { params: { path: { rule } } })).then((h) => (hits.value = { ...hits.value, [rule]: h }), () => undefined);
    }
  }, { immediate: true });
  return { of: (id: string): RuleHits | null => hits.value[id] ?? null };
}
