import { useI18n } from "vue-i18n";
import type { Schema } from "@/lib/openapi/types";

/** What a schema holds a value to, in words. */
export function useBounds() {
  const { t } = useI18n();

  function span(kind: "length" | "items" | "value" | "members", least: number | undefined, most: number | undefined): string[] {
    if (least !== undefined && most !== undefined && least > 0) return [t(`api.bound.${kind}.between`, { least, most })];
    if (most !== undefined) return [t(`api.bound.${kind}.most`, { most })];
    return least !== undefined && (least > 0 || kind === "value") ? [t(`api.bound.${kind}.least`, { least })] : [];
  }

  return (s: Schema): string[] => [
    ...(s.format === "date-time" ? [t("api.bound.time")] : []),
    ...span("length", s.minLength, s.maxLength),
    ...span("items", s.minItems, s.maxItems),
    ...span("value", s.minimum, s.maximum),
    ...span("members", s.minProperties, undefined),
    ...(s.nullable ? [t("api.bound.nullable")] : []),
    ...(s.additionalProperties === true ? [t("api.bound.open")] : []),
  ];
}
