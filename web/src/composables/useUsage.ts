import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";
import { api, unwrap } from "@/api/client";
import type { Key, Usage } from "@/api/types";
import { useAccess } from "./useAccess";
import { useResource } from "./useResource";
import { useSession } from "@/stores/session";

const everyMs = 30_000;
const query = (value: unknown): string => (typeof value === "string" ? value : "");

/** What somebody used of the models: oneself, a person or a key, as the address says. */
export function useUsage() {
  const route = useRoute();
  const router = useRouter();
  const session = useSession();
  const { can, canAny } = useAccess();
  const key = computed(() => query(route.query.key));
  const user = computed(() => (key.value === "" ? query(route.query.user) : ""));
  const subject = computed(() => (key.value ? "key:" + key.value : user.value && user.value !== session.user?.id ? "user:" + user.value : "me"));

  const usage = useResource<Usage>((signal) => {
    if (key.value) return unwrap(api.GET("/api/v1/keys/{id}/usage", { params: { path: { id: key.value } }, signal }));
    if (subject.value !== "me") return unwrap(api.GET("/api/v1/users/{id}/usage", { params: { path: { id: user.value } }, signal }));
    return unwrap(api.GET("/api/v1/usage", { signal }));
  }, { key: () => subject.value, everyMs, on: ["policy"] });

  /** The keys to choose from: one's own, and everybody's for who manages keys. */
  const keys = useResource<Key[]>((signal) => (canAny("key.own", "key.manage") ? unwrap(api.GET("/api/v1/keys", { params: { query: { limit: 200, ...(can("key.manage") ? {} : { user_id: session.user?.id }) } }, signal })).then((a) => a.items) : Promise.resolve([])), { on: ["key"] });

  const show = (to: { key?: string; user?: string }) => void router.replace({ name: "usage", query: Object.fromEntries(Object.entries(to).filter(([, v]) => v)) });
  return { key, user, subject, usage, keys, show };
}
