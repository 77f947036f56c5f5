import { computed, ref, shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import { stored } from "@/api/stored";
import type { Setting, Settings } from "@/api/types";
import { useAsyncAction } from "./useAsyncAction";
import { useResource } from "./useResource";

/** What is wanted of a setting: a value in its own spelling, or null for the default. */
export type Wish = string | boolean | null;

const read = (signal?: AbortSignal) => unwrap(api.GET("/api/v1/settings", { signal }));

/** The server's settings with what is wanted and not saved. Somebody who was faster is shown before anything is lost. */
export function useSettings() {
  const settings = useResource<Settings>(read, { on: ["policy", "audit"] });
  const wishes = ref<Record<string, Wish>>({});
  /** What the wishes were made on; news from elsewhere does not move under an open form. */
  const base = shallowRef<Settings | null>(null);
  const theirs = shallowRef<Settings | null>(null);

  const shown = computed(() => (Object.keys(wishes.value).length > 0 ? (base.value ?? settings.data.value) : settings.data.value));
  const items = computed(() => new Map((shown.value?.items ?? []).map((i) => [i.key, i])));

  const same = (item: Setting, wish: Wish) => (wish === null ? item.source !== "console" && item.problem === null : String(item.value) === String(wish));

  function wish(item: Setting, value: Wish): void {
    if (Object.keys(wishes.value).length === 0) base.value = settings.data.value;
    const next = { ...wishes.value };
    if (same(item, value)) delete next[item.key];
    else next[item.key] = value;
    wishes.value = next;
  }

  function discard(): void {
    wishes.value = {};
    theirs.value = null;
    save.clear();
  }

  /** A number travels as one where it is one; what is none is for the server to refuse. */
  function body(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(wishes.value).map(([key, value]) => {
      const number = items.value.get(key)?.type === "integer" && typeof value === "string" && /^-?\d{1,15}$/.test(value);
      return [key, number ? Number(value) : value];
    }));
  }

  const save = useAsyncAction(async (signal) => {
    theirs.value = null;
    try {
      return await stored(unwrap(api.PATCH("/api/v1/settings", { params: { header: { "If-Match": `"v${shown.value?.version ?? 0}"` } }, body: body(), signal })), () => read(signal));
    } catch (thrown) {
      if ((thrown as { status?: number }).status === 412) theirs.value = await read();
      throw thrown;
    }
  });

  async function store(): Promise<boolean> {
    const answer = await save.run();
    if (!answer) return false;
    wishes.value = {};
    settings.set(answer);
    return true;
  }

  /** Goes on with the wishes on top of what somebody else left. */
  function rebase(): void {
    if (!theirs.value) return;
    settings.set(theirs.value);
    base.value = theirs.value;
    theirs.value = null;
    save.dismiss();
    for (const item of base.value.items) {
      const wanted = wishes.value[item.key];
      if (wanted !== undefined) wish(item, wanted);
    }
  }

  return { settings, shown, items, wishes, theirs, base, save, wish, discard, store, rebase };
}
