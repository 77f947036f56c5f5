import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { Rehearsal } from "@/api/types";
import type { RuleText } from "@/lib/rules";
import { useAsyncAction } from "./useAsyncAction";

const waitMs = 900;
export const rehearsedDays = 14;

/** What the changed rules would have made of the last days: tried a moment after the last change, and not while a field is wrong. */
export function useRehearsal(proposed: Ref<readonly RuleText[]>, edited: Ref<boolean>, held: Ref<boolean>) {
  const action = useAsyncAction((signal, rules: readonly RuleText[]): Promise<Rehearsal> =>
    unwrap(api.POST("/api/v1/acl/rehearse", { body: { rules: rules.map((r) => ({ ...r })), days: rehearsedDays }, signal })));
  /** The rules that the counts are about; others were proposed since where it differs. */
  const about = ref("");
  /** The rules that were tried last, whatever came of it. */
  const tried = shallowRef<readonly RuleText[]>([]);
  const key = computed(() => (edited.value ? JSON.stringify(proposed.value) : ""));
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function run(): Promise<void> {
    clearTimeout(timer);
    const mine = key.value;
    if (mine === "" || held.value) return;
    tried.value = proposed.value;
    if (await action.run(proposed.value)) about.value = mine;
  }
  watch([key, held], () => {
    clearTimeout(timer);
    action.cancel();
    if (key.value === "") action.clear();
    else timer = setTimeout(() => void run(), waitMs);
  });
  onScopeDispose(() => clearTimeout(timer));
  return { result: action.data, tried, pending: action.pending, error: action.error, current: computed(() => key.value !== "" && about.value === key.value), run };
}
