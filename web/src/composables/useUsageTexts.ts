import { useI18n } from "vue-i18n";
import type { UsageCount } from "@/api/types";
import { useFormat } from "./useFormat";

/** Amounts of what is counted: time as time, everything else as a number. */
export function useUsageTexts() {
  const { t } = useI18n();
  const format = useFormat();
  const tenth = (n: number) => Math.round(n * 10) / 10;

  /** Seconds; from an hour and a half on in hours. */
  function time(seconds: number): string {
    if (seconds > 0 && seconds < 1) return format.ms(seconds * 1_000);
    if (seconds < 90) return t("span.seconds", { n: tenth(seconds) });
    return seconds < 5_400 ? t("span.minutes", { n: tenth(seconds / 60) }) : t("span.hours", { n: tenth(seconds / 3_600) });
  }
  return { amount: (unit: UsageCount["unit"], n: number): string => (unit === "compute_seconds" ? time(n) : format.number(n)) };
}
