import { useI18n } from "vue-i18n";
import type { SystemCheck } from "@/api/types";
import { useFormat } from "./useFormat";

/** Values that are sizes, and those that are moments. */
const sizes = new Set(["bytes", "room", "available", "total", "limit"]);
const moments = new Set(["at"]);

/** Words for what the doctor found; a finding without words of ours is told in the server's. */
export function useCheckTexts() {
  const { t, te } = useI18n();
  const format = useFormat();

  function values(check: SystemCheck): Record<string, string | number> {
    const out: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(check.params)) {
      if (sizes.has(name) && typeof value === "number") out[name] = format.bytes(value);
      else if (moments.has(name) && typeof value === "string") out[name] = format.full(value);
      else out[name] = value;
    }
    if (typeof out.finding === "string" && te("finding." + out.finding)) out.finding = t("finding." + out.finding);
    return out;
  }
  const words = (check: SystemCheck, part: "found" | "do", fallback: string) => {
    const key = `check.${check.code}.${part}`;
    return te(key) ? t(key, values(check)) : fallback;
  };

  return {
    name: (check: SystemCheck) => {
      const key = "checkName." + check.name.replaceAll(" ", "_");
      return te(key) ? t(key) : check.name;
    },
    found: (check: SystemCheck) => words(check, "found", check.detail),
    todo: (check: SystemCheck) => words(check, "do", check.do),
  };
}
