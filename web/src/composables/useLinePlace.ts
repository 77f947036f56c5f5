import { computed, onScopeDispose, shallowRef, watch, type Ref } from "vue";
import { useI18n } from "vue-i18n";
import { api, unwrap } from "@/api/client";
import { useAccess } from "@/composables/useAccess";
import { useFormat } from "@/composables/useFormat";

interface Line {
  waiting: number;
  position: number;
  expected_ms: number;
}

/** A verdict that is there at once has no line to speak of. */
const patienceMs = 400;
const everyMs = 1000;

/** What is said of the line before a model while one waits for its verdict; empty for a short wait, or where nothing is known. */
export function useLinePlace(pending: Readonly<Ref<boolean>>, model: () => string) {
  const { t } = useI18n();
  const { can } = useAccess();
  const format = useFormat();
  const line = shallowRef<Line | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function look(): Promise<void> {
    const id = model();
    try {
      const answer = await unwrap(api.GET("/api/v1/models/{id}/queue", { params: { path: { id } } }));
      if (pending.value) line.value = answer;
    } catch {
      line.value = null; // the verdict itself says what is wrong
    }
    if (pending.value) timer = setTimeout(() => void look(), everyMs);
  }
  const stop = () => {
    clearTimeout(timer);
    line.value = null;
  };
  watch(pending, (waits) => {
    stop();
    if (waits && model() !== "" && can("model.view")) timer = setTimeout(() => void look(), patienceMs);
  });
  onScopeDispose(stop);

  return computed(() => {
    const l = line.value;
    if (!l) return "";
    if (l.position > 0) return t("moderate.queue.place", { n: l.position, time: format.ms(l.expected_ms) });
    return l.waiting > 0 ? t("moderate.queue.wait", { n: l.waiting }) : t("moderate.queue.work");
  });
}
