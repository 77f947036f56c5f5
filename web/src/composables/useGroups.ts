import { computed, getCurrentScope, onScopeDispose } from "vue";
import { useRoute } from "vue-router";
import { api, unwrap } from "@/api/client";
import { stored } from "@/api/stored";
import type { Group, User } from "@/api/types";
import { useLive } from "@/stores/live";
import { useAsyncAction } from "./useAsyncAction";
import { usePagination } from "./usePagination";
import { useResource } from "./useResource";

/** The groups, and the one that the address names with its people. */
export function useGroups() {
  const route = useRoute();
  const id = computed(() => (typeof route.params.id === "string" ? route.params.id : ""));
  const path = () => ({ path: { id: id.value } });
  const list = usePagination<Group>((cursor, signal) => unwrap(api.GET("/api/v1/groups", { params: { query: { limit: 100, cursor: cursor ?? undefined } }, signal })));
  void list.reload();
  const soon = () => void (list.items.value.length <= 100 && list.reload());
  const off = useLive().on({ policy: soon, user: soon, reset: soon });
  if (getCurrentScope()) onScopeDispose(off);

  const one = useResource<Group>((signal) => unwrap(api.GET("/api/v1/groups/{id}", { params: path(), signal })), { key: () => id.value, on: ["policy"] });
  const members = useResource<{ items: User[]; more: boolean }>(async (signal) => {
    const page = await unwrap(api.GET("/api/v1/users", { params: { query: { group: id.value, limit: 200 } }, signal }));
    return { items: page.items, more: page.next_cursor !== null && page.next_cursor !== undefined };
  }, { key: () => id.value, on: ["policy", "user"] });

  const index = computed(() => list.items.value.findIndex((g) => g.id === id.value));
  const shown = computed(() => one.data.value ?? list.items.value[index.value] ?? null);
  const up = computed(() => (index.value > 0 ? (list.items.value[index.value - 1] ?? null) : null));
  const down = computed(() => (index.value >= 0 ? (list.items.value[index.value + 1] ?? null) : null));
  const reload = () => Promise.all([list.reload(), one.reload(), members.reload()]);
  return { id, list, one, members, shown, up, down, reload };
}

/** What administration does to groups. A change names the version that was seen. */
export function useGroupActs() {
  const tag = (g: Group) => ({ path: { id: g.id }, header: { "If-Match": `"v${g.version}"` } });
  const member = (group: string, user: string) => ({ params: { path: { id: group, user } } });
  const done = (call: Promise<unknown>) => stored(call.then(() => true), () => true);
  return {
    make: useAsyncAction((signal, body: { name: string; note?: string }) => unwrap(api.POST("/api/v1/groups", { body, signal }))),
    change: useAsyncAction((signal, g: Group, note: string) => unwrap(api.PATCH("/api/v1/groups/{id}", { params: tag(g), body: { note }, signal }))),
    remove: useAsyncAction((signal, g: Group) => done(unwrap(api.DELETE("/api/v1/groups/{id}", { params: tag(g), signal })))),
    add: useAsyncAction((signal, group: string, user: string) => done(unwrap(api.PUT("/api/v1/groups/{id}/members/{user}", { ...member(group, user), signal })))),
    takeOut: useAsyncAction((signal, group: string, user: string) => done(unwrap(api.DELETE("/api/v1/groups/{id}/members/{user}", { ...member(group, user), signal })))),
  };
}
