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

/** Where a person put the keys: from a label to keys. What is not of that form counts as nothing remembered. */
function readKeymap(text: string | null): Record<string, string> {
  try {
    const map: unknown = JSON.parse(text ?? "{}");
    if (typeof map !== "object" || map === null || Array.isArray(map)) return {};
    return Object.fromEntries(Object.entries(map).filter((e): e is [string, string] => typeof e[1] === "string" && e[1].length < 20));
  } catch {
    return {};
  }
}

/** Theme, language and keys, in local storage and nothing else there, above all no credential. */
export const usePrefs = defineStore("prefs", () => {
  const root = document.documentElement;
  const theme = ref<Theme>(root.classList.contains("dark") ? "dark" : "light");
  const language = ref<Language>(root.lang.startsWith("zh") ? "zh-CN" : "en");
  const shortcuts = ref(recall("gh.keys") !== "off");

  const keymap = ref(readKeymap(recall("gh.keymap")));

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

  /** The keys of a shortcut: where the person put it, else where it came. */
  const keyOf = (label: string, keys: string): string => keymap.value[label] ?? keys;

  /** Puts a shortcut on other keys; null puts it back. */
  function setKey(label: string, keys: string | null): void {
    const next = { ...keymap.value };
    if (keys === null) delete next[label];
    else next[label] = keys;
    keymap.value = next;
    remember("gh.keymap", JSON.stringify(next));
  }

  return {
    keymap,
    keyOf,
    setKey,
    theme,
    language,
    shortcuts,
    toggleTheme: () => (theme.value = theme.value === "dark" ? "light" : "dark"),
    toggleLanguage: () => (language.value = language.value === "en" ? "zh-CN" : "en"),
    languageChosen: () => recall("gh.language") !== null,
  };
});
