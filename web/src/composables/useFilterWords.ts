import { useI18n } from "vue-i18n";
import type { ExportSchedule } from "@/api/types";
import { auditFilters } from "@/lib/filters";
import { useAuditTexts } from "./useAuditTexts";

/** What an export is narrowed by, in words: codes as the log calls them, all else as it was given. */
export function useFilterWords() {
  const { t, te } = useI18n();
  const texts = useAuditTexts();

  function value(name: string, given: string): string {
    if (name === "action") return texts.act(given);
    if ((name === "decision" || name === "reason") && te(`${name}.${given}`)) return t(`${name}.${given}`);
    return given;
  }

  /** All of it as one line; "" for the whole log. */
  function line(filter: ExportSchedule["filter"]): string {
    const given = auditFilters.flatMap((name) => (name in filter ? [{ name, value: String(filter[name as keyof ExportSchedule["filter"]] ?? "") }] : [])).filter((f) => f.value !== "");
    return given.map((f) => t("exports.cond", { name: t("exports.filter." + f.name), value: value(f.name, f.value) })).join(t("exports.and"));
  }
  return { value, line };
}
