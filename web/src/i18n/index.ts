import { createI18n } from "vue-i18n";
import type { Language } from "@/stores/prefs";
import en from "./en.json";
import zh from "./zh-CN.json";

/** Both catalogues travel with the first load: a language switch must not wait, nor fail without a network. */
export function makeI18n(locale: Language) {
  return createI18n({
    legacy: false,
    locale,
    fallbackLocale: "en",
    missingWarn: import.meta.env.DEV,
    fallbackWarn: import.meta.env.DEV,
    messages: { en, "zh-CN": zh } as Record<Language, typeof en>,
  });
}
