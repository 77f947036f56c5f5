import { computed, getCurrentScope, onScopeDispose, toValue, watch, type MaybeRefOrGetter } from "vue";
import { api, unwrap } from "@/api/client";
import type { Key } from "@/api/types";
import { useLive } from "@/stores/live";
import { useAccess } from "./useAccess";
import { usePagination } from "./usePagination";

/** Whether a key that works lies unused for so long that somebody should ask whether it is needed. */
export const rests = (key: Key, now: number): boolean => stateOf(key, now) === "good" && key.unused;

/** Whether a key that works ends soon and nothing takes its place. */
export const expires = (key: Key, now: number): boolean => stateOf(key, now) === "good" && key.expiring && !key.rotated_to;

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
  const { can } = useAccess();
  /** Asked without the right, the server would refuse and the log would have a row of it. */
  const read = () => void (can("key.own") && list.reload());
  watch([() => toValue(owner), () => can("key.own")], () => (list.reset(), read()), { immediate: true });
  const soon = read;
  const off = useLive().on({ key: soon, reset: soon });
  if (getCurrentScope()) onScopeDispose(off);
  return { ...list, live: computed(() => list.items.value.filter((k) => !k.revoked_at)) };
}
