import { watch } from "vue";
import type { Language } from "@/stores/prefs";
import { makeWith } from "./make";
import type { Texts } from "./merge";

const files: Record<Language, () => Promise<{ default: Texts }>> = { en: () => import("./en"), "zh-CN": () => import("./zh-CN") };

/**
 * The texts of the language in use, and the other one as soon as nothing is under way: a switch then neither waits nor fails
 * without a network. `language` is followed from then on.
 */
export async function liveI18n(language: () => Language) {
  const first = language();
  const i18n = makeWith(first, { [first]: (await files[first]()).default });
  const { locale, setLocaleMessage, availableLocales } = i18n.global;

  async function speak(l: Language): Promise<void> {
    if (!i18n.global.availableLocales.includes(l)) setLocaleMessage(l, (await files[l]()).default);
    if (language() === l) locale.value = l;
  }
  watch(language, (l) => void (availableLocales.includes(l) ? (locale.value = l) : speak(l)), { flush: "sync" });

  const other: Language = first === "en" ? "zh-CN" : "en";
  const quiet = globalThis.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 1_500));
  quiet(() => void files[other]().then((texts) => setLocaleMessage(other, texts.default)));
  return i18n;
}
