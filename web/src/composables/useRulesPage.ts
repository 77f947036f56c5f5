import { computed, nextTick, ref, watch } from "vue";
import { useI18n } from "vue-i18n";
import type { HygieneFinding } from "@/api/types";
import { useCatalog } from "@/stores/catalog";
import { coveredBy } from "@/lib/ruleCovers";
import { endsFirst, refusalOf, refusedName, type Refusal } from "@/lib/ruleRefusal";
import { withField, type RuleField, type RuleText } from "@/lib/rules";
import { useAccess } from "./useAccess";
import { useExplain } from "./useExplain";
import { useHygiene, useRuleHits } from "./useHygiene";
import { useRehearsal } from "./useRehearsal";
import { useRuleEdits } from "./useRuleEdits";
import { useRulePolicy } from "./useRulePolicy";
import { asReports, trial, useRuleSave } from "./useRuleSave";
import { useRulesPlace } from "./useRulesPlace";
import { undoVersion } from "./useRuleVersions";
import { useToast } from "./useToast";

/** All that the page of rules holds together: the rules, what is wished of them, and what that would do. */
export function useRulesPage() {
  const { t } = useI18n();
  const toast = useToast();
  const { can } = useAccess();
  const catalog = useCatalog();
  const policy = useRulePolicy();
  const edits = useRuleEdits(policy.data);
  const place = useRulesPlace(edits.shown);
  const hygiene = useHygiene();
  const edited = computed(() => edits.edits.value.length > 0);
  /** Fields whose text means nothing yet, by rule: nothing is saved or tried meanwhile. */
  const wrong = ref<Record<string, boolean>>({});
  const unfilled = ({ after }: { after: RuleText | null }) => after !== null && (after.principals.length === 0 || (after.models ?? []).length === 0 || endsFirst(after));
  const bad = computed(() => Object.values(wrong.value).some(Boolean) || edits.edits.value.some(unfilled));
  /** Where that is, in words. */
  const badAt = computed(() => {
    const told = Object.entries(wrong.value).find(([, is]) => is)?.[0] ?? "";
    if (told.startsWith("yaml/")) return t("rules.tab.yaml");
    const empty = edits.edits.value.find(unfilled);
    const no = refused.value;
    if (!told && !empty && no) return `${no.rule}, ${t("rules.field." + no.field)}`;
    const lacks = empty?.after?.principals.length === 0 ? "principals" : empty?.after?.models?.length ? "valid_until" : "models";
    const [key, field] = told ? [told.slice(0, told.lastIndexOf("/")), told.slice(told.lastIndexOf("/") + 1)] : [empty?.key ?? "", lacks];
    return `${edits.shown.value.find((r) => r.key === key)?.id ?? key}, ${t("rules.field." + field)}`;
  });
  const proposed = edits.proposed;
  /** Without new rules that name nobody yet: the server refuses those. */
  const complete = computed(() => proposed.value.filter((r) => r.principals.length > 0 && (r.models ?? []).length > 0));
  const explain = useExplain(complete, edited);
  const rehearsal = useRehearsal(proposed, edited, bad);
  /** What the server did not take of these very changes when they were tried or explained. */
  const refused = computed<Refusal | null>(() => {
    const by = (error: typeof explain.error.value, about: readonly RuleText[], now: readonly RuleText[]) => (about === now || JSON.stringify(about) === JSON.stringify(now) ? refusalOf(error, about) : null);
    if (!edited.value) return null;
    return by(rehearsal.error.value, rehearsal.tried.value, proposed.value) ?? by(explain.error.value, explain.about.value.rules, complete.value);
  });
  /** That, and what the form sees itself, of one rule: field by field in words, and the value that it is about. */
  function problems(id: string): Partial<Record<RuleField, { text: string; value: string }>> {
    const own = edits.edits.value.find((e) => (e.after?.id || edits.ids.value.get(e.key) || e.key) === id && e.after && endsFirst(e.after));
    const no = refused.value?.rule === id ? refused.value : null;
    return {
      ...(own ? { valid_until: { text: t("rules.refused.until"), value: "" } } : {}),
      ...(no ? { [no.field]: { text: t("rules.refused." + no.text, { name: refusedName(no) }), value: no.value } } : {}),
    };
  }
  /** A rule that was made or changed and does nothing beside another, in words; "" where none is. */
  const idle = computed(() => {
    // Of two that say the same the new one is told.
    for (const { after, key } of [...edits.edits.value].sort((a, b) => Number(b.before === null) - Number(a.before === null))) {
      const id = edits.ids.value.get(key) ?? key;
      const other = after ? coveredBy(after, id, proposed.value) : "";
      if (other) return t("rules.bar.idle", { rule: id, other });
    }
    return "";
  });
  /** Whether saving has to wait. What the server refused is tried again as soon as it changes. */
  const blocked = computed(() => bad.value || refused.value !== null);
  const save = useRuleSave(edits, policy.reload);
  const stored = computed(() => edits.base.value?.rules ?? []);
  const hits = useRuleHits(stored, computed(() => place.opened.value?.before?.id ?? ""));

  if (can("model.view")) void catalog.load();
  const models = computed(() => [...new Set([...catalog.models.map((m) => m.id), ...stored.value.flatMap((r) => r.models ?? []).filter((m) => !m.includes("*"))])].sort());
  /** Whether whoever matches no rule is refused here, whatever the default. */
  const closed = computed(() => place.inView.value.some((r) => r.before?.mode === "enforce"));

  const markBad = (key: string, field: string, is: boolean) => (wrong.value = { ...wrong.value, [`${key}/${field}`]: is });
  /** What is wrong in a rule goes with it. */
  watch(() => edits.edits.value.map((e) => e.key).join("\n"), (now) => {
    const keys = now.split("\n");
    wrong.value = Object.fromEntries(Object.entries(wrong.value).filter(([k]) => k.startsWith("yaml/") || keys.includes(k.slice(0, k.lastIndexOf("/"))) || k.startsWith((place.opened.value?.key ?? "") + "/")));
  });

  function set(field: RuleField, value: string | readonly string[]): void {
    const r = place.opened.value;
    if (!r?.after) return;
    const next = withField(r.after, field, value);
    edits.put(r.key, field === "effect" && value === "deny" ? withField(next, "rate_limit", "") : next);
  }
  async function add(): Promise<void> {
    const key = edits.add({ effect: "allow", principals: [], models: [place.model.value || models.value[0] || "*"], operations: ["view", "infer"], conditions: {}, mode: "enforce" });
    await place.open(key);
    await nextTick();
    focusField("principals");
  }
  /** Whoever presses a piece of the sentence comes to its field. */
  function focusField(field: string): void {
    const box = document.querySelector<HTMLElement>(`[data-field="${field}"]`);
    const all = [...(box?.querySelectorAll<HTMLElement>("input:not([type=hidden]):not([aria-hidden]),button:not([aria-label]),textarea") ?? [])];
    const into = all.find((e) => e.tagName === "INPUT") ?? all.find((e) => e.getAttribute("aria-pressed") === "true") ?? all[0];
    box?.scrollIntoView({ block: "center" });
    into?.focus({ preventScroll: true });
  }
  async function duplicate(): Promise<void> {
    const r = place.opened.value?.after;
    if (r) await place.open(edits.add({ ...r, id: undefined }));
  }
  async function remove(): Promise<void> {
    const r = place.opened.value;
    if (!r) return;
    edits.remove(r.key);
    if (!r.before) await place.close();
  }
  function propose(f: HygieneFinding): void {
    const r = edits.shown.value.find((x) => x.id === f.rule_id);
    const rule = f.proposal?.rules?.[0] as RuleText | undefined;
    if (!r?.after || !f.proposal) return;
    if (f.proposal.kind === "remove") edits.remove(r.key);
    else if (f.proposal.kind === "extend" && f.proposal.until) edits.put(r.key, withField(r.after, "valid_until", f.proposal.until));
    else if (f.proposal.kind === "change" && rule) edits.put(r.key, { ...rule, id: r.id });
  }
  /** The rule that an opened trial was tried for. */
  const original = computed(() => {
    const id = place.opened.value?.id ?? "";
    const of = id.replace(new RegExp(`${trial}(?:-\\d+)?$`), "");
    return of !== id && stored.value.some((r) => r.id === of) ? of : "";
  });
  async function replace(): Promise<void> {
    const r = place.opened.value;
    if (!r?.after || original.value === "") return;
    const into = original.value;
    edits.put(into, { ...r.after, id: into, mode: "enforce" });
    edits.remove(r.key);
    await place.open(into);
  }
  /** The rules in view as a text says them: new ones come, those that it lacks go. */
  function takeText(rules: readonly RuleText[]): void {
    const here = place.inView.value.filter((r) => r.after);
    for (const rule of rules) {
      const r = here.find((x) => x.id === rule.id);
      if (r) edits.put(r.key, { ...rule, conditions: rule.conditions ?? {}, mode: rule.mode ?? "enforce" });
      else edits.add({ conditions: {}, mode: "enforce", ...rule });
    }
    for (const r of here) if (!rules.some((x) => x.id === r.id)) edits.remove(r.key);
  }
  /** Saves what is wished, or only has it reported; answers whether it did. */
  async function store(report: boolean, note: string): Promise<boolean> {
    const open = place.opened.value;
    // What goes cannot be only reported: it stays a change that is not saved.
    const left = report ? edits.edits.value.filter((e) => !e.after) : [];
    const n = edits.edits.value.length - left.length;
    const id = open?.id ?? "";
    const rules = report ? asReports(edits.edits.value, edits.ids.value, stored.value) : proposed.value;
    const version = await save.store(rules, note);
    if (version === null) return false;
    for (const e of left) edits.remove(e.key);
    toast.success(t(report ? "rules.reported" : "rules.saved", { n, version }), { undo: () => void undoVersion(version).then(policy.reload, () => place.show("history")) });
    if (open && !open.before) await place.open(id);
    else if (open && !open.after && !report) await place.close();
    return true;
  }
  return { policy, edits, place, hygiene, hits, explain, rehearsal, save, edited, blocked, idle, badAt, problems, models, closed, original, markBad, set, add, duplicate, remove, propose, replace, takeText, store, focusField };
}
