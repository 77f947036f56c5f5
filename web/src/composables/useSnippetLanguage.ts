import { ref, watch } from "vue";
import { languages, type Snippet } from "@/lib/openapi/snippets";

const storeKey = "gh.snippet";

/** The language in which this browser showed requests last. */
export function useSnippetLanguage() {
  const kept = localStorage.getItem(storeKey);
  const language = ref<Snippet>(languages.find((l) => l === kept) ?? "curl");
  watch(language, (l) => localStorage.setItem(storeKey, l));
  return language;
}
