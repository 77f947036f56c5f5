import { onScopeDispose, ref, shallowRef, watch, type Ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { User } from "@/api/types";
import { useAccess } from "./useAccess";

const waitMs = 160;
const most = 5;

/** People whose name holds what is typed, from the second letter on, for who may manage them. The last answer stays until the next. */
export function usePeopleSearch(query: Ref<string>) {
  const { can } = useAccess();
  const people = shallowRef<User[]>([]);
  const failed = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let controller: AbortController | null = null;

  async function ask(q: string): Promise<void> {
    controller?.abort();
    const own = (controller = new AbortController());
    try {
      const page = await unwrap(api.GET("/api/v1/users", { params: { query: { q, limit: most } }, signal: own.signal }));
      if (own.signal.aborted) return;
      people.value = page.items;
      failed.value = false;
    } catch {
      failed.value = !own.signal.aborted;
    }
  }

  watch(query, (text) => {
    clearTimeout(timer);
    const q = text.trim();
    if (!can("user.manage") || [...q].length < 2 || /^(mod|evt|req|usr)_/.test(q)) {
      controller?.abort();
      people.value = [];
      failed.value = false;
      return;
    }
    timer = setTimeout(() => void ask(q), waitMs);
  });
  onScopeDispose(() => {
    clearTimeout(timer);
    controller?.abort();
  });
  return { people, failed };
}
