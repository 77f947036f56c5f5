import { defineStore } from "pinia";
import { shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import type { Key } from "@/api/types";

/** Labels for the ids of keys that stand in rules, as far as this person may list keys. */
export const useKeyNames = defineStore("keyNames", () => {
  const keys = shallowRef<readonly Key[]>([]);
  let asked = false;

  /** Reads the newest ones once; without them ids stand as they are, so a failure says nothing here. */
  async function load(): Promise<void> {
    if (asked) return;
    asked = true;
    try {
      keys.value = (await unwrap(api.GET("/api/v1/keys", { params: { query: { limit: 200 } } }))).items;
    } catch {
      asked = false;
    }
  }
  const of = (id: string): string | undefined => keys.value.find((k) => k.id === id)?.label;
  return { keys, load, of };
});
