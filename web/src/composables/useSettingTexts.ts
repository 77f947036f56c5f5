import { useI18n } from "vue-i18n";
import type { Setting } from "@/api/types";
import { splitDuration } from "@/lib/duration";
import { useFormat } from "./useFormat";

/** Values of settings in words. */
export function useSettingTexts() {
  const { t, te } = useI18n();
  const format = useFormat();

  function value(item: Setting, raw: Setting["value"] | null): string {
    if (raw === null) return value(item, item.default);
    switch (item.type) {
      case "boolean":
        return t(raw === true || raw === "true" ? "settings.on" : "settings.off");
      case "choice": {
        const key = `settings.choice.${item.key}.${String(raw)}`;
        return te(key) ? t(key) : String(raw);
      }
      case "duration": {
        const { n, unit } = splitDuration(String(raw));
        if (Number(n) === 0 && te(`settings.zero.${item.key}`)) return t(`settings.zero.${item.key}`);
        return t("settings.unit." + unit, { n: Number(n) });
      }
      case "integer": {
        const n = Number(raw);
        if (!Number.isFinite(n)) return String(raw);
        const none = `settings.zero.${item.key}`;
        if (n === 0 && te(none)) return t(none);
        return item.unit ? t("settings.unit." + item.unit, { n }) : format.number(n);
      }
      case "text":
        return raw === "" ? t(te(`settings.zero.${item.key}`) ? `settings.zero.${item.key}` : "settings.none") : String(raw);
    }
  }

  /** One end of what may be typed: a number stays one, whatever it means. */
  const edge = (item: Setting, at: number | string): string => (item.type === "integer" ? format.number(Number(at)) : value({ ...item, unit: null }, at));

  return {
    name: (key: string) => (te(`settings.item.${key}.name`) ? t(`settings.item.${key}.name`) : key),
    text: (key: string) => t(`settings.item.${key}.text`),
    value,
    /** What may be typed, in words. */
    bounds: (item: Setting) => (item.min !== null && item.max !== null ? t("settings.bounds", { from: edge(item, item.min), to: edge(item, item.max) }) : ""),
  };
}
