import { computed } from "vue";
import { api, unwrap } from "@/api/client";
import type { Role } from "@/api/types";
import { useResource } from "@/composables/useResource";
import { useSession } from "@/stores/session";

const shipped = ["admin", "reviewer", "radiologist", "nurse", "guest", "auditor"];
const administration = ["user.manage", "key.manage", "model.manage", "acl.manage", "settings.manage"];

/** The order of the pictures: what came with the product first, then by name. */
function place(name: string): number {
  const at = shipped.indexOf(name);
  return at < 0 ? shipped.length : at;
}

/** Whether a role with these actions can come to more rights than it was given. The server asks for the password there. */
export const administers = (actions: readonly string[]): boolean => actions.some((a) => administration.includes(a));

/** The matrix: all roles with their cells, the order of the actions, and how many people there are. */
export function useRoles() {
  const session = useSession();
  const resource = useResource((signal) => unwrap(api.GET("/api/v1/roles", { signal })), { on: ["policy", "user"] });
  const roles = computed<Role[]>(() => [...(resource.data.value?.items ?? [])].sort((a, b) => place(a.name) - place(b.name) || a.name.localeCompare(b.name)));
  const actions = computed(() => resource.data.value?.actions ?? []);
  const role = (name: string) => roles.value.find((r) => r.name === name);
  /** Nobody administers what holds more than he does: an unknown role is taken for one that does. */
  const within = (name: string) => role(name)?.actions.every((a) => session.actions.includes(a)) ?? false;
  return { ...resource, roles, actions, role, within, people: computed(() => roles.value.reduce((sum, r) => sum + r.users, 0)) };
}
