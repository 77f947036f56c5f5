import { createI18n } from "vue-i18n";
import type { Language } from "@/stores/prefs";
import { compileIcu } from "./icu";
import type { Texts } from "./merge";

/** Texts in ICU MessageFormat: plurals and numbers follow the language by themselves. */
export function makeWith(locale: Language, messages: Partial<Record<Language, Texts>>) {
  return createI18n({
    legacy: false,
    locale,
    fallbackLocale: false,
    missingWarn: import.meta.env.DEV,
    fallbackWarn: false,
    messageCompiler: compileIcu,
    messages: messages as Record<Language, Texts>,
  });
}
