import { defineStore } from "pinia";
import { computed, shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import { toApiError, type ApiError } from "@/api/error";
import type { EventModel, Model } from "@/api/types";
import { patched } from "@/lib/models";

/** The models this person may see; several pages offer them. */
export const useCatalog = defineStore("catalog", () => {
  const models = shallowRef<Model[]>([]);
  const error = shallowRef<ApiError | null>(null);
  const loaded = shallowRef(false);
  const guards = computed(() => models.value.filter((m) => m.kind === "guard"));

  async function load(): Promise<void> {
    try {
      models.value = (await unwrap(api.GET("/api/v1/models"))).items;
      error.value = null;
      loaded.value = true;
    } catch (thrown) {
      error.value = toApiError(thrown);
    }
  }

  /** Takes over what the server tells of a model; what that does not say is read again. */
  async function heard(e: EventModel): Promise<void> {
    const next = patched(models.value, e);
    if (next) models.value = next;
    else await load();
  }

  /** Known, and not one of them is open. */
  const closed = computed(() => loaded.value && error.value === null && guards.value.length === 0);

  return { models, guards, closed, error, load, heard };
});
