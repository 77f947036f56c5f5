import { useI18n } from "vue-i18n";
import type { RefusedBy } from "@/api/error";
import { useFormat } from "./useFormat";
import { useUsageTexts } from "./useUsageTexts";

/** Whose a limit is, by its name: limits.person_day_tokens, limits.key, key, rule-ID. */
const ofWhom = (name: string): "rule" | "person" | "key" | "address" | "model" | "other" => {
  if (name.startsWith("rule-")) return "rule";
  const word = name.replace(/^limits\./, "").split("_")[0];
  return word === "person" || word === "key" || word === "address" || word === "model" ? word : "other";
};

/** What is said of a limit that has no room: which, whose, how much is left, and until when. */
export function useLimitTexts() {
  const { t } = useI18n();
  const format = useFormat();
  const usage = useUsageTexts();
  const amount = (l: RefusedBy, n: number) => t("refusedBy.unit." + (l.unit ?? "requests"), { n, amount: usage.amount(l.unit ?? "requests", n) });

  function title(l: RefusedBy): string {
    if (!l.until) return t("refusedBy.never");
    if (!l.span) return t("refusedBy.rate");
    return t(l.left > 0 ? "refusedBy.little" : "refusedBy.spent", { span: t("refusedBy.span." + l.span) });
  }
  function detail(l: RefusedBy): string {
    const whose = t("refusedBy.whose." + ofWhom(l.name), { rule: l.name.replace(/^rule-/, "") });
    const parts = [l.span ? t("refusedBy.left", { whose, left: usage.amount(l.unit ?? "requests", l.left), max: amount(l, l.max), name: l.name }) : t("refusedBy.most", { whose, max: amount(l, l.max), name: l.name })];
    parts.push(l.until ? t("refusedBy.until", { when: format.moment(l.until) }) : t("refusedBy.smaller"));
    return parts.join(t("refusedBy.gap"));
  }
  /** What is known of it is its name alone: that of a quota says for how long. */
  const without = (name: string): string => t("refusedBy.without." + (/_(day|month)_/.exec(name)?.[1] ?? "rate"), { name });
  return { title, detail, without };
}
