import { useI18n } from "vue-i18n";
import type { Model } from "@/api/types";
import { useFormat } from "@/composables/useFormat";
import { msLeft, percentOf } from "@/lib/models";

/** What is said of a model: sizes, how far it is, why it is not there. */
export function useModelTexts() {
  const { t } = useI18n();
  const format = useFormat();
  return {
    size: format.bytes,
    /** "63 % · about 9 s left", or what it waits for. */
    progress(m: Model, now: number): string {
      if (m.stage === "waiting") return t("catalog.stage.waiting");
      const left = msLeft(m, now);
      const percent = t("catalog.percent", { n: percentOf(m) });
      return left === null ? percent : t("catalog.left", { percent, time: format.span(left) });
    },
    /** The same for where the percent stands beside it: "Reading the weights · about 9 s left". */
    doing(m: Model, now: number): string {
      const left = m.stage === "waiting" ? null : msLeft(m, now);
      const what = t("catalog.stage." + (m.stage ?? "waiting"));
      return left === null ? what : t("catalog.doing", { what, time: format.span(left) });
    },
    why: (m: Model) => t("catalog.why." + (m.state_code || "internal")),
    todo: (m: Model) => t("catalog.todo." + (m.state_code || "internal")),
  };
}
