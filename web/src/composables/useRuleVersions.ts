import { computed, getCurrentScope, onScopeDispose, watch, type Ref } from "vue";
import { api, unwrap } from "@/api/client";
import { stored } from "@/api/stored";
import type { PolicyVersion, PolicyVersionDetail } from "@/api/types";
import { useLive } from "@/stores/live";
import { useAsyncAction } from "./useAsyncAction";
import { usePagination } from "./usePagination";
import { useResource } from "./useResource";
import { readPolicy } from "./useRulePolicy";

/** Takes a change of rules back: a change of its own, whose version it answers. */
export const undoVersion = (version: number): Promise<number> =>
  stored(unwrap(api.POST("/api/v1/acl/versions/{version}/undo", { params: { path: { version } } })).then((s) => s.version), () => readPolicy().then((p) => p.version));

/** Whether a version changed rules, and so can be looked into. */
export const opens = (v: PolicyVersion): boolean => v.event_id !== "";

/** Versions, newest first, of one model or all, and the opened one rule by rule: the asked one, else the newest if `first`. */
export function useRuleVersions(model: Ref<string>, asked: Ref<string>, first: Ref<boolean>) {
  const list = usePagination<PolicyVersion>((cursor, signal) =>
    unwrap(api.GET("/api/v1/acl/versions", { params: { query: { limit: 50, ...(cursor ? { cursor } : {}), ...(model.value ? { model: model.value } : {}) } }, signal })));
  watch(model, () => (list.reset(), void list.reload()), { immediate: true });
  const soon = () => void list.reload();
  const off = useLive().on({ policy: soon, reset: soon });
  if (getCurrentScope()) onScopeDispose(off);

  const opened = computed(() => asked.value || (first.value ? String(list.items.value.find(opens)?.version ?? "") : ""));
  /** The opened one where it changed no rule: nothing is asked of it, the server has no more than its line. */
  const still = computed(() => list.items.value.find((v) => String(v.version) === opened.value && !opens(v)) ?? null);
  const looked = computed(() => ((list.loaded.value || list.error.value !== null) && still.value === null ? opened.value : ""));
  const detail = useResource<PolicyVersionDetail>((signal) => unwrap(api.GET("/api/v1/acl/versions/{version}", { params: { path: { version: Number(opened.value) } }, signal })), { key: () => looked.value, on: ["policy"] });
  const undo = useAsyncAction((_signal, version: number) => undoVersion(version));
  return { list, opened, still, detail, undo, shown: computed(() => (detail.data.value && String(detail.data.value.version) === opened.value ? detail.data.value : null)) };
}
