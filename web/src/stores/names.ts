import { defineStore } from "pinia";
import { shallowRef } from "vue";
import { api, unwrap } from "@/api/client";

/** Names for the ids of users that stand in audit rows, as far as this person may list users. */
export const useNames = defineStore("names", () => {
  const byId = shallowRef(new Map<string, string>());
  let asked = false;

  /** Reads them once; without them ids stand as they are, so a failure says nothing here. */
  async function load(): Promise<void> {
    if (asked) return;
    asked = true;
    try {
      const { items } = await unwrap(api.GET("/api/v1/users", { params: { query: { limit: 200 } } }));
      byId.value = new Map(items.map((u) => [u.id, u.username]));
    } catch {
      asked = false;
    }
  }
  const of = (id: string): string | undefined => byId.value.get(id);
  const idOf = (name: string): string | undefined => [...byId.value].find(([, n]) => n === name)?.[0];
  function forget(): void {
    byId.value = new Map();
    asked = false;
  }
  return { byId, load, of, idOf, forget };
});
