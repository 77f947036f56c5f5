import { useI18n } from "vue-i18n";
import type { Key } from "@/api/types";
import { readRate } from "@/lib/rate";

const mostRanges = 4;

/** What a key may, as a sentence. */
export function useKeyTexts() {
  const { t, locale } = useI18n();
  /** A space wherever Chinese and Latin meet: lists join ids by a bare word. */
  const spaced = (text: string) => text.replace(/([\w)])(?=[\u3400-\u9fff])|([\u3400-\u9fff])(?=[A-Za-z0-9])/g, "$& ");
  const list = (words: readonly string[]) => spaced(new Intl.ListFormat(locale.value, { type: "conjunction" }).format(words));
  const verbs = (operations: readonly string[]) => list(operations.map((o) => (o === "*" ? t("keyring.op.all") : t("keyring.op." + o))));

  function may(key: Pick<Key, "models" | "operations">): string {
    const models = list(key.models);
    if (key.models.length === 0 && key.operations.length === 0) return t("keyring.mayAll");
    if (key.operations.length === 0) return t("keyring.mayModels", { models });
    if (key.models.length === 0) return t("keyring.mayOperations", { verbs: verbs(key.operations) });
    return t("keyring.maySome", { verbs: verbs(key.operations), models });
  }

  /** From where and how often, as sentences; "" for a key that nothing narrows. */
  function limits(key: Pick<Key, "ip_ranges" | "rate_limit">): string {
    const rate = readRate(key.rate_limit ?? "");
    const shown = key.ip_ranges.length > mostRanges ? [...key.ip_ranges.slice(0, mostRanges - 1), t("keyring.moreRanges", { n: key.ip_ranges.length - mostRanges + 1 })] : key.ip_ranges;
    const parts = [
      ...(key.ip_ranges.length > 0 ? [t("keyring.onlyFrom", { ranges: list(shown) })] : []),
      ...(key.rate_limit ? [t("keyring.atMost", { rate: rate ? t("rules.rate", { ...rate }) : key.rate_limit })] : []),
    ];
    return parts.join(t("common.sentenceGap"));
  }
  return { may, verbs, limits };
}
