import { useI18n } from "vue-i18n";
import type { HygieneFinding } from "@/api/types";
import { useFormat } from "./useFormat";

/** What was found about a rule: a chip for lists, and a sentence. */
export function useHygieneTexts() {
  const { t } = useI18n();
  const format = useFormat();
  const values = (f: HygieneFinding) => ({ rule: f.rule_id ?? "", other: f.other_rule_id ?? "", days: f.params.days ?? 0, until: f.params.until ? format.full(f.params.until).replace(/:\d\d$/, "") : "", names: (f.params.names ?? []).join(t("rules.join.gap")) });
  return {
    chip: (f: HygieneFinding) => t("rules.hygiene.chip." + f.code, values(f)),
    text: (f: HygieneFinding) => t("rules.hygiene.text." + f.code, values(f)),
    opens: (f: HygieneFinding) => (f.params.opens ? t("rules.hygiene.opens") : ""),
    verb: (f: HygieneFinding) => t("rules.hygiene.verb." + (f.proposal?.kind ?? "remove"), { until: f.proposal?.until ? format.day(f.proposal.until) : "" }),
  };
}
