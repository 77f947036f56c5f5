import { useI18n } from "vue-i18n";
import type { HistoryRow } from "@/api/types";
import { restLimit } from "@/lib/explain";
import { categoryOf, formatScore } from "@/lib/severity";

/** One line for a row: its categories, why nobody trusts it, or that it has none. */
export function useCategoryText() {
  const { t } = useI18n();
  return (row: Pick<HistoryRow, "action" | "scores" | "categories" | "cached">): string => {
    const names = row.categories.map((n) => {
      const c = categoryOf(n);
      return c ? t("category." + c.key + ".name") : n;
    });
    const parts: string[] = [];
    if (row.action === "review" && row.scores.other > restLimit) parts.push(t("history.rest", { rest: formatScore(row.scores.other) }));
    if (names.length > 0) parts.push(names.join(t("common.listGap")));
    if (parts.length === 0) parts.push(t("history.noCategory"));
    if (row.cached) parts.push(t("verdict.cached"));
    return parts.join(" · ");
  };
}
