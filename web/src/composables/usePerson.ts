import { computed, ref, type Ref } from "vue";
import { useRoute } from "vue-router";
import { api, unwrap } from "@/api/client";
import type { Key, User } from "@/api/types";
import { useResource } from "@/composables/useResource";

const keyPages = 5;

/** The person that the address names, asked for by itself: lists are minutes old, and no list has everybody. */
export function usePerson(items: Ref<User[]>) {
  const route = useRoute();
  const id = computed(() => (typeof route.params.id === "string" ? route.params.id : ""));
  const path = () => ({ path: { id: id.value } });
  // The news of a deletion may be here before its answer: who is being deleted is not asked for again.
  const leaving = ref("");
  const own = { key: () => id.value, on: ["user"] as const, hold: () => leaving.value === id.value };
  const user = useResource<User>((signal) => unwrap(api.GET("/api/v1/users/{id}", { params: path(), signal })), own);
  const rights = useResource((signal) => unwrap(api.GET("/api/v1/users/{id}/permissions", { params: path(), signal })), { ...own, on: ["user", "policy"] });
  const sessions = useResource((signal) => unwrap(api.GET("/api/v1/users/{id}/sessions", { params: { ...path(), query: { limit: 50 } }, signal })), own);

  const index = computed(() => items.value.findIndex((u) => u.id === id.value));
  const up = computed(() => (index.value > 0 ? (items.value[index.value - 1] ?? null) : null));
  const down = computed(() => (index.value >= 0 ? (items.value[index.value + 1] ?? null) : null));
  const listed = computed(() => items.value[index.value] ?? null);
  /** The row of the list is shown until the answer is there. */
  const shown = computed(() => user.data.value ?? listed.value);

  async function reload(): Promise<void> {
    await Promise.all([user.reload(), rights.reload(), sessions.reload()]);
  }
  /** Before a deletion, and after one that failed: what was missed meanwhile is read then. */
  function leave(on: boolean): void {
    leaving.value = on ? id.value : "";
    if (!on) void reload();
  }
  return { id, user, shown, rights, sessions, up, down, reload, leave };
}

/** The living keys of somebody. The server lists everybody's, newest first; a few pages are looked through. */
export async function keysOf(user: string, signal: AbortSignal): Promise<Key[]> {
  const found: Key[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < keyPages; page++) {
    const answer = await unwrap(api.GET("/api/v1/keys", { params: { query: { limit: 200, cursor } }, signal }));
    found.push(...answer.items.filter((k) => k.user_id === user && k.revoked_at === null));
    cursor = answer.next_cursor ?? undefined;
    if (!cursor) break;
  }
  return found;
}
