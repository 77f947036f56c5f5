import { onScopeDispose, watch } from "vue";
import { api, unwrap } from "@/api/client";
import type { ExampleSet } from "@/api/types";
import { useResource } from "@/composables/useResource";
import { usePrefs } from "@/stores/prefs";

/** The examples in the page's language. While the guard is loading they are asked for again by themselves. */
export function useExamples() {
  const prefs = usePrefs();
  const set = useResource<ExampleSet>((signal) => unwrap(api.GET("/api/v1/examples", { params: { query: { language: prefs.language } }, signal })), { key: () => prefs.language });
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(set.error, (error) => {
    clearTimeout(timer);
    if (error?.code === "loading") timer = setTimeout(() => void set.reload(), Math.max(1, error.retryAfter ?? 3) * 1000);
  });
  onScopeDispose(() => clearTimeout(timer));
  return set;
}
