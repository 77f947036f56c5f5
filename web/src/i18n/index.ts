import type { Language } from "@/stores/prefs";
import en from "./en";
import { makeWith } from "./make";
import type { Texts } from "./merge";
import zh from "./zh-CN";

/** Both languages at once, for tests; the console loads the one in use first (live.ts). */
export const messages: Record<Language, Texts> = { en, "zh-CN": zh };

export const makeI18n = (locale: Language) => makeWith(locale, messages);
