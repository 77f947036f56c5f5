import { computed, ref, shallowRef, type Ref } from "vue";
import { api, unwrap } from "@/api/client";
import { stored } from "@/api/stored";
import { toApiError, type ApiError } from "@/api/error";
import type { Role } from "@/api/types";

export interface CellChange {
  role: string;
  action: string;
  give: boolean;
}

/** A role that somebody else changed while ours was being edited: as we knew it, and as it is. */
export interface Met {
  before: Role;
  after: Role;
}

/** Changes of the matrix that are not saved yet. A change that is undone is none; one that became true by itself is none. */
export function useRoleDraft(roles: Ref<readonly Role[]>) {
  const wished = ref<Record<string, boolean>>({});
  const pending = ref(false);
  const error = shallowRef<ApiError | null>(null);
  const met = shallowRef<Met | null>(null);
  // What a changed role was when its first cell was touched: the version that the save must find.
  const known = new Map<string, Role>();

  const key = (role: string, action: string) => role + "/" + action;
  const holds = (role: string, action: string) => roles.value.find((r) => r.name === role)?.actions.includes(action) ?? false;
  const changes = computed<CellChange[]>(() =>
    roles.value.flatMap((r) => r.cells.filter((c) => wished.value[key(r.name, c.action)] === !c.allowed).map((c) => ({ role: r.name, action: c.action, give: !c.allowed }))),
  );
  const changed = (role: string, action: string) => changes.value.find((c) => c.role === role && c.action === action);
  /** Whether a role holds an action once this is saved. */
  const willHold = (role: string, action: string) => changed(role, action)?.give ?? holds(role, action);
  const touched = computed(() => roles.value.filter((r) => changes.value.some((c) => c.role === r.name)));
  const people = computed(() => touched.value.reduce((sum, r) => sum + r.users, 0));

  function toggle(role: string, action: string): void {
    const now = roles.value.find((r) => r.name === role);
    if (!now) return;
    if (!changes.value.some((c) => c.role === role)) known.set(role, now);
    const at = key(role, action);
    const next = { ...wished.value };
    if (changed(role, action)) delete next[at];
    else next[at] = !holds(role, action);
    wished.value = next;
  }

  function forget(role: string): void {
    wished.value = Object.fromEntries(Object.entries(wished.value).filter(([at]) => !at.startsWith(role + "/")));
    known.delete(role);
  }

  function discard(): void {
    wished.value = {};
    known.clear();
    error.value = null;
    met.value = null;
  }

  async function saveOne(role: Role): Promise<void> {
    const mine = changes.value.filter((c) => c.role === role.name);
    const actions = role.cells.filter((c) => mine.find((m) => m.action === c.action)?.give ?? c.allowed).map((c) => c.action);
    const version = (known.get(role.name) ?? role).version;
    try {
      await stored<unknown>(unwrap(api.PUT("/api/v1/roles/{role}", { params: { path: { role: role.name }, header: { "If-Match": `"v${version}"` } }, body: { actions } })), () => null);
    } catch (thrown) {
      const e = toApiError(thrown);
      if (e.status === 412) {
        const after = await unwrap(api.GET("/api/v1/roles/{role}", { params: { path: { role: role.name } } }));
        met.value = { before: known.get(role.name) ?? role, after };
        known.set(role.name, after);
      }
      throw e;
    }
    forget(role.name);
  }

  /** Saves role by role and answers how many; the first refusal ends it, and `error` says why. */
  async function save(): Promise<number> {
    pending.value = true;
    error.value = null;
    met.value = null;
    let done = 0;
    try {
      for (const role of touched.value) {
        await saveOne(role);
        done++;
      }
    } catch (thrown) {
      error.value = toApiError(thrown);
    } finally {
      pending.value = false;
    }
    return done;
  }
  return { changes, changed, holds: willHold, touched, people, toggle, discard, save, pending, error, met };
}
