import { useI18n } from "vue-i18n";
import type { Key } from "@/api/types";

/** What a key may, as a sentence. */
export function useKeyTexts() {
  const { t, locale } = useI18n();
  const list = (words: readonly string[]) => new Intl.ListFormat(locale.value, { type: "conjunction" }).format(words);
  const verbs = (operations: readonly string[]) => list(operations.map((o) => (o === "*" ? t("keyring.op.all") : t("keyring.op." + o))));

  function may(key: Pick<Key, "models" | "operations">): string {
    const models = list(key.models);
    if (key.models.length === 0 && key.operations.length === 0) return t("keyring.mayAll");
    if (key.operations.length === 0) return t("keyring.mayModels", { models });
    if (key.models.length === 0) return t("keyring.mayOperations", { verbs: verbs(key.operations) });
    return t("keyring.maySome", { verbs: verbs(key.operations), models });
  }
  return { may, verbs };
}
