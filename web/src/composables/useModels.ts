import { computed, shallowRef, watch } from "vue";
import { useRoute } from "vue-router";
import { api, unwrap } from "@/api/client";
import type { EventModel, Model, ModelRoom } from "@/api/types";
import { useEvents } from "@/composables/useEvents";
import { useResource } from "@/composables/useResource";
import { patched } from "@/lib/models";

/** The models that this person may see, as they load and change, and the one that the address names. */
export function useModels() {
  const route = useRoute();
  const room = shallowRef<ModelRoom | null>(null);
  const list = useResource<Model[]>(async (signal) => {
    const page = await unwrap(api.GET("/api/v1/models", { signal }));
    room.value = page.room ?? null;
    return page.items;
  });
  const id = computed(() => (typeof route.params.id === "string" ? route.params.id : ""));
  /** Ids that the list once had: what left it is gone, and nobody asks for it. */
  const seen = new Set<string>();
  const has = (wanted: string) => list.data.value?.some((m) => m.id === wanted) ?? false;
  /** Only what the list does not have is asked for by itself: then it says why. */
  const one = useResource<Model>((signal) => unwrap(api.GET("/api/v1/models/{id}", { params: { path: { id: id.value } }, signal })), {
    key: () => (list.data.value && !has(id.value) && !seen.has(id.value) ? id.value : ""),
  });
  const opened = computed(() => list.data.value?.find((m) => m.id === id.value) ?? (one.data.value?.id === id.value ? one.data.value : null));

  const left = shallowRef("");
  watch(list.data, (models) => {
    for (const m of models ?? []) seen.add(m.id);
    if (models && id.value && seen.has(id.value) && !has(id.value)) left.value = id.value;
  }, { immediate: true, flush: "sync" });

  /** By id: another number says that something is new which the event does not tell. */
  const revisions = new Map<string, number>();
  function heard(e: EventModel): void {
    const [before, now] = [revisions.get(e.id), e.revision ?? 0];
    revisions.set(e.id, now);
    const next = list.data.value && (before === undefined || before === now) ? patched(list.data.value, e) : null;
    if (next) list.set(next);
    else void list.reload();
  }
  useEvents({ models: heard, reset: () => void list.reload(), fresh: () => void list.reload(), policy: () => void list.reload() });

  const at = computed(() => list.data.value?.findIndex((m) => m.id === id.value) ?? -1);
  const up = computed(() => (at.value > 0 ? (list.data.value?.[at.value - 1] ?? null) : null));
  const down = computed(() => (at.value >= 0 ? (list.data.value?.[at.value + 1] ?? null) : null));
  return { list, one, id, room, opened, left, up, down };
}
