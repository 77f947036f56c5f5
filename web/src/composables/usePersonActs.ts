import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import { stored } from "@/api/stored";
import type { User } from "@/api/types";
import { useAsyncAction } from "@/composables/useAsyncAction";

export interface UserWish {
  role?: string;
  status?: "active" | "disabled";
  display_name?: string;
  language?: User["language"];
  password?: string;
}

/** What administration does to one account. Each act names the version that was seen, so that nobody's change is lost. */
export function usePersonActs() {
  /** The account as somebody else left it, after a 412. */
  const theirs = ref<User | null>(null);
  const params = (user: User) => ({ path: { id: user.id }, header: { "If-Match": `"v${user.version}"` } });

  const now = (user: User) => unwrap(api.GET("/api/v1/users/{id}", { params: { path: { id: user.id } } }));

  const change = useAsyncAction(async (signal, user: User, body: UserWish) => {
    theirs.value = null;
    try {
      return await stored(unwrap(api.PATCH("/api/v1/users/{id}", { params: params(user), body, signal })), () => now(user));
    } catch (thrown) {
      if ((thrown as { status?: number }).status === 412) theirs.value = await now(user);
      throw thrown;
    }
  });
  const remove = useAsyncAction((signal, user: User) => unwrap(api.DELETE("/api/v1/users/{id}", { params: params(user), signal })).then(() => true));
  /** All sessions of somebody; of one's own the one that asks stays. */
  const endSessions = useAsyncAction((signal, user: User, own: boolean) =>
    unwrap(own ? api.DELETE("/api/v1/sessions", { params: { query: { keep_current: true } }, signal }) : api.DELETE("/api/v1/users/{id}/sessions", { params: { path: { id: user.id } }, signal })).then(() => true),
  );
  const endSession = useAsyncAction((signal, id: string) => unwrap(api.DELETE("/api/v1/sessions/{id}", { params: { path: { id } }, signal })).then(() => true));
  return { change, remove, endSessions, endSession, theirs };
}
