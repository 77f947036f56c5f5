import { computed, reactive, ref, shallowRef, watch, type Ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { Explanation } from "@/api/types";
import type { RuleText } from "@/lib/rules";
import { useAsyncAction } from "./useAsyncAction";

export interface Question {
  principal: string;
  model: string;
  operation: "view" | "infer" | "train" | "download";
  ip: string;
  /** Local, as a field for date and time holds it; "" is now. */
  at: string;
  purpose: boolean;
}
const waitMs = 300;

/** Asks why, a moment after the last change of the question or of the proposed rules. The last answer stays until the next. */
export function useExplain(proposed: Ref<readonly RuleText[]>, edited: Ref<boolean>) {
  const question = reactive<Question>({ principal: "", model: "", operation: "infer", ip: "", at: "", purpose: false });
  /** Whether the answer is to hold for the rules as they would be. */
  const withChanges = ref(true);
  const proposing = computed(() => withChanges.value && edited.value);
  const complete = computed(() => question.principal.trim() !== "" && question.model !== "");
  /** What the last answer, or error, is about: the rules proposed, and whether an address was given. */
  const about = shallowRef<{ rules: readonly RuleText[]; addressed: boolean }>({ rules: [], addressed: false });
  let timer: ReturnType<typeof setTimeout> | undefined;

  const action = useAsyncAction((signal, q: Question, rules: readonly RuleText[] | null): Promise<Explanation> => {
    about.value = { rules: rules ?? [], addressed: q.ip.trim() !== "" };
    const at = q.at ? new Date(q.at) : null;
    const body = {
      principal: q.principal.trim(), model: q.model, operation: q.operation,
      ...(q.ip.trim() ? { ip: q.ip.trim() } : {}), ...(at && !Number.isNaN(at.getTime()) ? { at: at.toISOString() } : {}), ...(q.purpose ? { purpose: "explain" } : {}),
      ...(rules ? { rules: rules.map((r) => ({ ...r })) } : {}),
    };
    return unwrap(api.POST("/api/v1/access/explain", { body, signal }));
  });

  function ask(): void {
    clearTimeout(timer);
    if (complete.value) void action.run({ ...question }, proposing.value ? proposed.value : null);
    else action.clear();
  }
  watch([question, proposing, () => (proposing.value ? proposed.value : null)], () => {
    clearTimeout(timer);
    timer = setTimeout(ask, waitMs);
  });
  return { question, withChanges, proposing, complete, answer: action.data, about, pending: action.pending, error: action.error, ask, stop: () => (clearTimeout(timer), action.cancel()) };
}
export type Explain = ReturnType<typeof useExplain>;
