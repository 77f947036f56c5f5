import { nextTick, ref } from "vue";
import { describe, expect, it } from "vitest";
import { useHeld } from "./useHeld";

const list = (...ids: string[]) => ids.map((id) => ({ id, n: 0 }));

describe("useHeld", () => {
  it("shows the first list at once, and what is new only when asked", async () => {
    const now = ref<{ id: string; n: number }[] | null>(null);
    const held = useHeld(now, (x) => x.id);
    expect(held.shown.value).toBeNull();
    now.value = list("a", "b");
    await nextTick();
    expect(held.shown.value?.map((x) => x.id)).toEqual(["a", "b"]);
    now.value = list("c", "a");
    await nextTick();
    expect(held.shown.value?.map((x) => x.id)).toEqual(["a", "b"]);
    expect(held.fresh.value).toBe(1);
    expect([...held.gone.value]).toEqual(["b"]);
    held.show();
    expect(held.shown.value?.map((x) => x.id)).toEqual(["c", "a"]);
    expect(held.fresh.value).toBe(0);
  });
  it("takes newer values of what is shown already, and fills an empty list", async () => {
    const now = ref(list());
    const held = useHeld(now, (x) => x.id);
    now.value = list("a");
    await nextTick();
    expect(held.shown.value?.length).toBe(1);
    now.value = [{ id: "a", n: 7 }];
    await nextTick();
    expect(held.shown.value?.[0]?.n).toBe(7);
  });
});
