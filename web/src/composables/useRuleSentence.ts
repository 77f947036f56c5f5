import { computed } from "vue";
import { useI18n } from "vue-i18n";
import { ruleSentence, sentenceText, type SentenceOptions } from "@/lib/ruleSentence";
import { parseHours } from "@/lib/ruleHours";
import { ruleWords } from "@/lib/ruleWords";
import { changedFields, ruleFields, type RuleField, type RuleText } from "@/lib/rules";
import { useKeyNames } from "@/stores/keyNames";

/** Rules in the person's language: as pieces, as plain text, and field by field. */
export function useRuleSentence() {
  const { t, te, locale } = useI18n();
  const keys = useKeyNames();
  const words = computed(() => ruleWords({ t: (key, values) => t(key, values ?? {}), te: (key) => te(key), locale: locale.value, keyName: keys.of }));

  const pieces = (rule: RuleText, options?: SentenceOptions) => ruleSentence(rule, words.value, options);
  const fieldName = (field: RuleField) => t("rules.field." + field);

  /** What differs, one line a field; of a rule that came or went all that it says. */
  function changes(before: RuleText | null, after: RuleText | null): { label: string; before: string; after: string }[] {
    const fields = before && after ? changedFields(before, after) : ruleFields;
    const text = (rule: RuleText | null, field: RuleField) => (rule ? words.value.field(rule, field) : "");
    const empty = (v: string) => (before && after ? v || t("rules.nothing") : v);
    return fields.map((f) => ({ label: fieldName(f), before: empty(text(before, f)), after: empty(text(after, f)) })).filter((c) => c.before !== c.after);
  }
  /** One field's change in as few words as tell it apart: 30 becomes 60 requests a minute. */
  function brief(before: RuleText, after: RuleText, field: RuleField): { before: string; after: string } {
    const zone = (r: RuleText) => parseHours(r.conditions?.hours ?? "")?.zone;
    // Hours of one zone differ without naming it.
    const say = (r: RuleText) => (field === "hours" && zone(r) && zone(before) === zone(after) ? words.value.hours(r.conditions?.hours ?? "", true) : words.value.field(r, field));
    const [a, b] = [say(before).split(" "), say(after).split(" ")];
    const none = t("rules.nothing");
    if (a.join("") === "" || b.join("") === "") return { before: a.join(" ") || none, after: b.join(" ") || none };
    let head = 0;
    while (head < Math.min(a.length, b.length) - 1 && a[head] === b[head]) head++;
    let tail = 0;
    while (tail < Math.min(a.length, b.length) - head - 1 && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
    const cut = (w: string[], keep: number) => w.slice(head, w.length - keep).join(" ").replace(/[,，、]$/, "");
    return { before: cut(a, tail), after: cut(b, field === "rate_limit" ? 0 : tail) };
  }
  return { words, brief, pieces, text: (rule: RuleText, options?: SentenceOptions) => sentenceText(pieces(rule, options)), fieldName, changes };
}
