import { computed, ref, shallowRef, type Ref } from "vue";
import { changedFields, fieldOf, proposeId, withField, type RuleText } from "@/lib/rules";
import type { Policy } from "./useRulePolicy";

/** A rule that is not as it is on the server. `before` is null for a new one, `after` for one that goes. */
export interface RuleEdit {
  /** The rule's id, or +1, +2 for new ones, whose id may still change. */
  key: string;
  before: RuleText | null;
  after: RuleText | null;
}
export interface ShownRule extends RuleEdit {
  /** What is shown of it: as it will be, or as it was if it goes. */
  rule: RuleText;
  id: string;
  edited: boolean;
}

/** My changes of a rule on top of what somebody else made of it. */
export function reapply(before: RuleText, mine: RuleText, theirs: RuleText): RuleText {
  return changedFields(before, mine).reduce((rule, field) => withField(rule, field, fieldOf(mine, field)), theirs);
}

const bySense = (a: ShownRule, b: ShownRule) => Number(a.rule.effect === "allow") - Number(b.rule.effect === "allow") || a.id.localeCompare(b.id, "en");

/** Changes of rules that are not saved yet. They stay on the rules that they were made on until they are saved or put on newer ones. */
export function useRuleEdits(policy: Ref<Policy | null>) {
  const wished = ref<Record<string, RuleText | null>>({});
  const held = shallowRef<Policy | null>(null);
  let made = 0;

  const base = computed(() => (Object.keys(wished.value).length > 0 ? (held.value ?? policy.value) : policy.value));
  const stored = computed(() => new Map((base.value?.rules ?? []).map((r) => [r.id ?? "", r])));

  const edits = computed<RuleEdit[]>(() => Object.entries(wished.value).flatMap(([key, after]) => {
    const before = stored.value.get(key) ?? null;
    const none = before && after ? changedFields(before, after).length === 0 : before === after;
    return none ? [] : [{ key, before, after }];
  }));
  const taken = computed(() => [...stored.value.keys(), ...Object.values(wished.value).flatMap((r) => r?.id ?? [])]);
  /** Ids of new rules, their own or proposed ones, none of them twice. */
  const ids = computed(() => {
    const used = [...taken.value];
    const out = new Map<string, string>();
    for (const e of edits.value.filter((x) => x.before === null && x.after)) {
      const id = e.after?.id || proposeId(e.after as RuleText, used);
      used.push(id);
      out.set(e.key, id);
    }
    return out;
  });
  const shown = computed<ShownRule[]>(() => {
    const byKey = new Map(edits.value.map((e) => [e.key, e]));
    const old = [...stored.value].map(([id, rule]): ShownRule => ({ key: id, id, before: rule, after: rule, rule: byKey.get(id)?.after ?? rule, edited: byKey.has(id), ...byKey.get(id) }));
    const fresh = edits.value.filter((e) => e.before === null && e.after).map((e): ShownRule => ({ ...e, rule: e.after as RuleText, id: ids.value.get(e.key) ?? "", edited: true }));
    return [...old, ...fresh].sort(bySense);
  });
  /** The whole set as it would be. */
  const proposed = computed<RuleText[]>(() => shown.value.flatMap((s) => (s.after ? [{ ...s.after, id: s.id }] : [])));

  function put(key: string, rule: RuleText | null): void {
    if (Object.keys(wished.value).length === 0) held.value = policy.value;
    wished.value = { ...wished.value, [key]: rule };
  }
  function revert(key: string): void {
    wished.value = Object.fromEntries(Object.entries(wished.value).filter(([k]) => k !== key));
  }
  /** A new rule; answers its key. */
  function add(rule: RuleText): string {
    const key = `+${++made}`;
    put(key, rule);
    return key;
  }
  /** A new rule goes without a trace; a stored one goes with the next save. */
  const remove = (key: string) => (stored.value.has(key) ? put(key, null) : revert(key));

  function discard(): void {
    wished.value = {};
  }

  /** Puts the changes on newer rules: fields that I changed as I wish them, all others as they are there. */
  function rebase(theirs: Policy): void {
    const there = new Map(theirs.rules.map((r) => [r.id ?? "", r]));
    const next: Record<string, RuleText | null> = {};
    for (const { key, before, after } of edits.value) {
      const now = there.get(key);
      if (before && now) next[key] = after && reapply(before, after, now);
      else if (after) next[before ? `+${++made}` : key] = { ...after, id: before ? key : after.id };
    }
    held.value = theirs;
    wished.value = next;
  }
  return { base, edits, shown, proposed, ids, put, revert, add, remove, discard, rebase };
}
export type RuleEdits = ReturnType<typeof useRuleEdits>;
