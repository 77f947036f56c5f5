import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import { useDelayed } from "./useDelayed";

describe("useDelayed", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("shows nothing for a quick answer and something for a slow one", async () => {
    const scope = effectScope();
    await scope.run(async () => {
      const busy = ref(true);
      const shown = useDelayed(busy);
      vi.advanceTimersByTime(199);
      expect(shown.value).toBe(false);
      busy.value = false;
      await nextTick();
      vi.advanceTimersByTime(500);
      expect(shown.value).toBe(false);
      busy.value = true;
      await nextTick();
      vi.advanceTimersByTime(200);
      expect(shown.value).toBe(true);
      busy.value = false;
      await nextTick();
      expect(shown.value).toBe(false);
    });
    scope.stop();
  });
});
