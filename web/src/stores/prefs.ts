import { defineStore } from "pinia";
import { ref, watch } from "vue";

export type Theme = "light" | "dark";
export type Language = "en" | "zh-CN";

function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage switched off: the choice lasts for this page
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // as above
  }
}

/** Theme, language and keys: three words in local storage and nothing else, above all no credential. */
export const usePrefs = defineStore("prefs", () => {
  const root = document.documentElement;
  const theme = ref<Theme>(root.classList.contains("dark") ? "dark" : "light");
  const language = ref<Language>(root.lang.startsWith("zh") ? "zh-CN" : "en");
  const shortcuts = ref(recall("gh.keys") !== "off");

  watch(theme, (t) => {
    root.classList.remove("light", "dark");
    root.classList.add(t);
    remember("gh.theme", t);
  }, { flush: "sync" });
  watch(language, (l) => {
    root.lang = l;
    remember("gh.language", l);
  }, { flush: "sync" });
  watch(shortcuts, (on) => remember("gh.keys", on ? "on" : "off"));

  return {
    theme,
    language,
    shortcuts,
    toggleTheme: () => (theme.value = theme.value === "dark" ? "light" : "dark"),
    toggleLanguage: () => (language.value = language.value === "en" ? "zh-CN" : "en"),
    languageChosen: () => recall("gh.language") !== null,
  };
});
