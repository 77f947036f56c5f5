import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import { ApiError } from "@/api/error";
import { useServer } from "@/stores/server";
import { useResource } from "./useResource";

beforeEach(() => setActivePinia(createPinia()));

function within<T>(make: () => T): { it: T; stop: () => void } {
  const scope = effectScope();
  const made = scope.run(make);
  if (made === undefined) throw new Error("nothing made");
  return { it: made, stop: () => scope.stop() };
}

describe("useResource", () => {
  it("keeps the old data while it reads again and when that fails", async () => {
    const load = vi.fn().mockResolvedValueOnce("a").mockRejectedValueOnce(new ApiError("busy", 503, "req_1", "")).mockResolvedValueOnce("b");
    const { it: thing } = within(() => useResource<string>(load));
    expect(thing.loading.value).toBe(true);
    await vi.waitFor(() => expect(thing.data.value).toBe("a"));
    const at = thing.loadedAt.value;
    await thing.reload();
    expect([thing.data.value, thing.error.value?.code, thing.loadedAt.value]).toEqual(["a", "busy", at]);
    await thing.reload();
    expect([thing.data.value, thing.error.value]).toEqual(["b", null]);
  });

  it("never lets a slow answer overwrite a newer one, nor a write", async () => {
    const answers: ((value: string) => void)[] = [];
    const { it: thing } = within(() => useResource<string>(() => new Promise((resolve) => answers.push(resolve))));
    const second = thing.reload();
    answers[1]?.("new");
    await second;
    answers[0]?.("old");
    await nextTick();
    expect(thing.data.value).toBe("new");
    const third = thing.reload();
    thing.set("written");
    answers[2]?.("read before the write");
    await third;
    expect([thing.data.value, thing.loading.value]).toEqual(["written", false]);
  });

  it("forgets what belongs to another key at once, and reads nothing for an empty one", async () => {
    const key = ref("");
    let answer: (value: string) => void = () => {};
    const load = vi.fn(() => new Promise<string>((resolve) => (answer = resolve)));
    const { it: thing } = within(() => useResource<string>(load, { key: () => key.value }));
    expect(load).not.toHaveBeenCalled();
    key.value = "x";
    await nextTick();
    answer("of x");
    await vi.waitFor(() => expect(thing.data.value).toBe("of x"));
    key.value = "y";
    await nextTick();
    expect(thing.data.value).toBe(null);
    answer("of y");
    await vi.waitFor(() => expect(thing.data.value).toBe("of y"));
  });

  it("does not follow what its own page is just ending, and follows again afterwards", async () => {
    vi.useFakeTimers();
    const held = ref(false);
    const load = vi.fn(() => Promise.resolve("a"));
    const { stop } = within(() => useResource<string>(load, { hold: () => held.value }));
    const news = async (at: number): Promise<void> => {
      useServer().$patch({ backAt: at });
      await nextTick();
      await vi.advanceTimersByTimeAsync(1000);
    };
    await news(1);
    expect(load).toHaveBeenCalledTimes(2);
    held.value = true;
    await news(2);
    expect(load).toHaveBeenCalledTimes(2);
    held.value = false;
    await news(3);
    expect(load).toHaveBeenCalledTimes(3);
    stop();
    vi.useRealTimers();
  });

  it("aborts what is under way when its page goes", () => {
    const signals: AbortSignal[] = [];
    const { stop } = within(() => useResource((signal) => (signals.push(signal), new Promise<string>(() => {}))));
    stop();
    expect(signals[0]?.aborted).toBe(true);
  });
});
