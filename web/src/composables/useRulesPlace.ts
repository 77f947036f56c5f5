import { computed, type Ref } from "vue";
import { useRoute, useRouter, type RouteLocationRaw } from "vue-router";
import { concerns } from "@/lib/rules";
import { useMedia } from "./useMedia";
import type { ShownRule } from "./useRuleEdits";

export type RulesTab = "form" | "explain" | "yaml" | "history";
const all = "*";

/** Where the page stands, as its address says: a model or all, a rule, a tab, an opened version. */
export function useRulesPlace(rules: Ref<readonly ShownRule[]>) {
  const route = useRoute();
  const router = useRouter();
  const narrow = useMedia("(max-width: 1180px)");
  const phone = useMedia("(max-width: 760px)");
  const word = (v: unknown) => (typeof v === "string" ? v : "");

  const model = computed(() => (word(route.params.model) === all ? "" : word(route.params.model)));
  const inView = computed(() => (model.value === "" ? rules.value : rules.value.filter((r) => concerns(r.rule, model.value) || (r.before !== null && concerns(r.before, model.value)) || r.key === word(route.params.rule))));
  const named = computed(() => inView.value.find((r) => r.key === word(route.params.rule)) ?? null);
  /** A wide page has room for a rule beside the list: the first one, until another is chosen. */
  const opened = computed(() => named.value ?? (narrow.value || word(route.params.rule) !== "" ? null : (inView.value[0] ?? null)));
  /** A rule that the address names and that is not there. */
  const missing = computed(() => word(route.params.rule) !== "" && named.value === null);
  const version = computed(() => word(route.query.version));
  const tabs = computed<RulesTab[]>(() => (phone.value ? ["form", "explain", "yaml", "history"] : ["form", "yaml", "history"]));
  const tab = computed<RulesTab>(() => tabs.value.find((t) => t === route.query.tab) ?? "form");

  /** The parameters that stand in the address; one that does not is no empty text. */
  const here = () => Object.fromEntries(Object.entries(route.params).filter(([, v]) => v !== ""));

  function to(rule = "", query: Record<string, string> = {}): RouteLocationRaw {
    const of = model.value || (rule ? all : "");
    return { name: "rules", params: { ...(of ? { model: of } : {}), ...(rule ? { rule } : {}) }, query };
  }
  return {
    model, inView, opened, missing, version, tab, tabs, narrow, phone, to,
    open: (rule: string) => router.push(to(rule, tab.value === "explain" ? { tab: "explain" } : {})),
    close: () => router.push(to()),
    show: (name: RulesTab) => router.replace({ name: "rules", params: here(), query: name === "form" ? {} : { tab: name } }),
    toVersion: (v: number | string) => ({ name: "rules", params: here(), query: { tab: "history", ...(v === "" ? {} : { version: String(v) }) } }),
  };
}
