import { computed } from "vue";
import { useI18n } from "vue-i18n";

/** What stands between a text and what follows it: a space, and nothing in Chinese, whose full stops, commas and colons bring their own room. */
export function useGap() {
  const { locale } = useI18n();
  return computed(() => (locale.value === "zh-CN" ? "" : " "));
}
