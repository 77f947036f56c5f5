import { computed, getCurrentScope, onScopeDispose, toValue, watch, type MaybeRefOrGetter } from "vue";
import { api, unwrap } from "@/api/client";
import type { Key } from "@/api/types";
import { useLive } from "@/stores/live";
import { usePagination } from "./usePagination";

/** Nobody used it for so long that somebody should ask whether it is needed. */
export const restMs = 30 * 86_400_000;

/** Whether a key that works lies unused: since its last use, or since it was made. */
export function rests(key: Key, now: number): boolean {
  return stateOf(key, now) === "good" && now - Date.parse(key.last_used_at ?? key.created_at) >= restMs;
}

export type KeyState = "good" | "revoked" | "ended" | "off";

export function stateOf(key: Key, now: number): KeyState {
  if (key.revoked_at) return "revoked";
  if (key.valid_until && Date.parse(key.valid_until) <= now) return "ended";
  return key.suspended_at ? "off" : "good";
}

/** The keys of one person, or of everybody; they move when a key is made or revoked anywhere. */
export function useKeyring(owner: MaybeRefOrGetter<string | null>) {
  const list = usePagination<Key>((cursor, signal) =>
    unwrap(api.GET("/api/v1/keys", { params: { query: { limit: 100, ...(cursor ? { cursor } : {}), ...(toValue(owner) ? { user_id: toValue(owner) ?? "" } : {}) } }, signal })));
  watch(() => toValue(owner), () => (list.reset(), void list.reload()), { immediate: true });
  const soon = () => void list.reload();
  const off = useLive().on({ key: soon, reset: soon });
  if (getCurrentScope()) onScopeDispose(off);
  return { ...list, live: computed(() => list.items.value.filter((k) => !k.revoked_at)) };
}
