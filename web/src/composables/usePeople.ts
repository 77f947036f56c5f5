import { computed, getCurrentScope, onScopeDispose, watch } from "vue";
import { api, unwrap } from "@/api/client";
import type { User } from "@/api/types";
import { usePagination } from "@/composables/usePagination";
import { useUrlFilters } from "@/composables/useUrlFilters";
import { useLive } from "@/stores/live";

export const peopleFilters = ["q", "role", "status", "kind"] as const;
export type PeopleFilter = (typeof peopleFilters)[number];
export const statuses = ["active", "disabled", "deleted"] as const;
export const kinds = ["person", "service"] as const;

/** The list of accounts with its filters in the address. Deleted ones are listed only when they are asked for. */
export function usePeople() {
  const { filters, set, clear, active } = useUrlFilters(peopleFilters);
  const list = usePagination<User>((cursor, signal) => {
    const f = filters.value;
    const query = { limit: 50, cursor: cursor ?? undefined, q: f.q || undefined, role: f.role || undefined, status: statuses.find((s) => s === f.status), kind: kinds.find((k) => k === f.kind) };
    return unwrap(api.GET("/api/v1/users", { params: { query }, signal }));
  });
  watch(() => JSON.stringify(filters.value), list.reload, { immediate: true });

  // Somebody else's change, or one's own: the first page is read again, a list that was read on stays as it is.
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void (list.items.value.length <= 50 && list.reload()), 300);
  };
  const off = useLive().on({ user: soon, reset: soon });
  if (getCurrentScope()) onScopeDispose(() => (clearTimeout(timer), off()));

  /** Takes over what a write answered, with the figures that only lists have. */
  function replace(user: User): void {
    list.items.value = list.items.value.map((u) => (u.id === user.id ? { ...u, ...user } : u));
  }
  const drop = (id: string) => (list.items.value = list.items.value.filter((u) => u.id !== id));
  return { filters, set, clear, narrowed: computed(() => active.value), list, replace, drop };
}
