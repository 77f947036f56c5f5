import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope } from "vue";
import { usePoll } from "./usePoll";

describe("usePoll", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks while somebody is there, stops when nobody has touched the page for five minutes", () => {
    const scope = effectScope();
    const call = vi.fn();
    scope.run(() => usePoll(call, 60_000));
    vi.advanceTimersByTime(4 * 60_000);
    expect(call).toHaveBeenCalledTimes(4);
    vi.advanceTimersByTime(30 * 60_000);
    expect(call).toHaveBeenCalledTimes(4);
    document.dispatchEvent(new Event("pointerdown"));
    vi.advanceTimersByTime(60_000);
    expect(call).toHaveBeenCalledTimes(5);
    scope.stop();
    vi.advanceTimersByTime(600_000);
    expect(call).toHaveBeenCalledTimes(5);
  });
});
