import { computed } from "vue";
import { api, unwrap } from "@/api/client";
import type { User } from "@/api/types";
import { useAccess } from "./useAccess";
import { useResource } from "./useResource";

/** The accounts of programs, for who may make keys for them; else none. */
export function useServices() {
  const { can } = useAccess();
  const query = { kind: "service", status: "active", limit: 200 } as const;
  const list = useResource<User[]>((signal) => (can("key.manage") && can("user.manage") ? unwrap(api.GET("/api/v1/users", { params: { query }, signal })).then((a) => a.items) : Promise.resolve([])), { on: ["user"] });
  return computed(() => list.data.value ?? []);
}
