import { createI18n } from "vue-i18n";
import type { Language } from "@/stores/prefs";
import { compileIcu } from "./icu";
import { merge, type Texts } from "./merge";

// A file for each area of the console; both languages travel with the first load: a switch must not wait, nor fail without a network.
const en = merge(import.meta.glob<Texts>("./en/*.json", { eager: true, import: "default" }));
const zh = merge(import.meta.glob<Texts>("./zh-CN/*.json", { eager: true, import: "default" }));

export const messages: Record<Language, Texts> = { en, "zh-CN": zh };

/** Texts in ICU MessageFormat: plurals and numbers follow the language by themselves. */
export function makeI18n(locale: Language) {
  return createI18n({
    legacy: false,
    locale,
    fallbackLocale: "en",
    missingWarn: import.meta.env.DEV,
    fallbackWarn: import.meta.env.DEV,
    messageCompiler: compileIcu,
    messages,
  });
}
