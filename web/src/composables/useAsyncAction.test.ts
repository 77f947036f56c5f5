import { describe, expect, it } from "vitest";
import { effectScope } from "vue";
import { ApiError } from "@/api/error";
import { useAsyncAction } from "./useAsyncAction";

function later<T>() {
  let resolve!: (v: T) => void;
  let reject!: (e: unknown) => void;
  const promise = new Promise<T>((a, b) => ((resolve = a), (reject = b)));
  return { promise, resolve, reject };
}

describe("useAsyncAction", () => {
  it("answers the data and forgets an older error", async () => {
    let fail = true;
    const action = useAsyncAction(async (_s, n: number) => {
      if (fail) throw new ApiError("busy", 503, "req_1", "");
      return n * 2;
    });
    expect(await action.run(2)).toBeNull();
    expect(action.error.value?.code).toBe("busy");
    fail = false;
    expect(await action.run(4)).toBe(8);
    expect(action.error.value).toBeNull();
    expect(action.data.value).toBe(8);
  });

  it("drops the answer of an older run and aborts it", async () => {
    const runs = [later<string>(), later<string>()];
    const signals: AbortSignal[] = [];
    const action = useAsyncAction(async (signal, i: number) => (signals.push(signal), runs[i]?.promise));
    const first = action.run(0);
    const second = action.run(1);
    expect(signals[0]?.aborted).toBe(true);
    runs[1]?.resolve("new");
    expect(await second).toBe("new");
    runs[0]?.resolve("old");
    expect(await first).toBeNull();
    expect(action.data.value).toBe("new");
  });

  it("an older failure does not disturb a newer run", async () => {
    const runs = [later<string>(), later<string>()];
    const action = useAsyncAction(async (_s, i: number) => runs[i]?.promise);
    const first = action.run(0);
    void action.run(1);
    runs[0]?.reject(new Error("late"));
    await first;
    expect(action.error.value).toBeNull();
    expect(action.pending.value).toBe(true);
  });

  it("takes an abort for no error, and any other thing for one", async () => {
    const aborting = useAsyncAction(async () => Promise.reject(new DOMException("gone", "AbortError")));
    await aborting.run();
    expect(aborting.error.value).toBeNull();
    const lost = useAsyncAction(async () => Promise.reject(new TypeError("failed to fetch")));
    await lost.run();
    expect(lost.error.value?.code).toBe("offline");
  });

  it("aborts when its component goes", () => {
    const scope = effectScope();
    let signal: AbortSignal | undefined;
    scope.run(() => void useAsyncAction((s) => ((signal = s), new Promise(() => {}))).run());
    scope.stop();
    expect(signal?.aborted).toBe(true);
  });
});
