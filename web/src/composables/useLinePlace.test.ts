import { afterEach, expect, it, vi } from "vitest";
import { defineComponent, h, nextTick, ref } from "vue";
import { mountFor } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import { useLinePlace } from "./useLinePlace";

afterEach(() => void vi.useRealTimers());

it("says where a text stands once the wait is worth a word, and nothing afterwards", async () => {
  vi.useFakeTimers();
  let position = 3;
  const fetch = vi.spyOn(globalThis, "fetch").mockImplementation(() => Promise.resolve(new Response(JSON.stringify({ waiting: position, capacity: 256, yours: 1, position, expected_ms: 1850, oldest_wait_ms: 0 }), { headers: { "Content-Type": "application/json" } })));
  const pending = ref(false);
  let place: { value: string } = { value: "" };
  const { done } = await mountFor(defineComponent({
    setup() {
      useSession().actions = ["model.view"];
      place = useLinePlace(pending, () => "guard-nano");
      return () => h("p");
    },
  }));
  pending.value = true;
  await nextTick();
  await vi.advanceTimersByTimeAsync(300);
  expect(fetch).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  await vi.waitFor(() => expect(place.value).toContain("Place 3"));
  position = 0;
  await vi.advanceTimersByTimeAsync(1000);
  await vi.waitFor(() => expect(place.value).toBe("The model is at work on it."));
  pending.value = false;
  await nextTick();
  expect(place.value).toBe("");
  const calls = fetch.mock.calls.length;
  await vi.advanceTimersByTimeAsync(5000);
  expect(fetch.mock.calls.length).toBe(calls);
  done();
});
