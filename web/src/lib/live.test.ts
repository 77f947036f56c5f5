import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeChannel, FakeLocks, FakeSource } from "./liveFakes";
import { takeLead } from "./leader";
import { dispatch, type LiveEvent } from "./liveEvents";
import { backoff, openStream } from "./liveStream";

beforeEach(() => {
  vi.useFakeTimers();
  FakeSource.all = [];
  FakeChannel.all = [];
  vi.stubGlobal("EventSource", FakeSource);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const opened = () => FakeSource.all.filter((s) => s.readyState !== 2);
const latest = () => {
  const source = FakeSource.all.at(-1);
  if (!source) throw new Error("no stream was opened");
  return source;
};

describe("backoff", () => {
  it("doubles from three seconds to a minute, and is never the same for all", () => {
    expect([1, 2, 3, 4, 5, 6, 20].map((n) => backoff(n, 1))).toEqual([3000, 6000, 12000, 24000, 48000, 60000, 60000]);
    expect(backoff(1, 0)).toBe(1500);
    for (let i = 0; i < 50; i++) expect(backoff(3, Math.random())).toBeGreaterThanOrEqual(6000);
  });
});

describe("one stream", () => {
  it("hands over what comes with its type, and goes on after the last id once the server answers with something else", () => {
    const taken: LiveEvent[] = [];
    const refused = vi.fn();
    const close = openStream({ after: "", take: (e) => taken.push(e), refused });
    expect(latest().url).toBe("/api/v1/events");
    latest().send("policy", { version: 3 }, "41");
    latest().send("user", { id: "usr_1" }, "");
    expect(taken).toEqual([{ type: "policy", data: { version: 3 }, id: "41" }, { type: "user", data: { id: "usr_1" }, id: "41" }]);

    latest().drop(); // the browser mends this by itself
    vi.advanceTimersByTime(120_000);
    expect(FakeSource.all).toHaveLength(1);

    latest().refuse();
    expect(refused).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(3_000);
    expect(FakeSource.all).toHaveLength(2);
    expect(latest().url).toBe("/api/v1/events?after=41");
    close();
    expect(opened()).toHaveLength(0);
  });

  it("asks ever more seldom, in the end not at all, and at once when somebody looks", () => {
    const refused = vi.fn();
    const close = openStream({ after: "7", take: () => {}, refused });
    for (let i = 0; i < 40; i++) {
      latest().refuse();
      vi.advanceTimersByTime(60_000);
    }
    expect(FakeSource.all).toHaveLength(8);
    expect(refused).toHaveBeenCalledTimes(1);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(FakeSource.all).toHaveLength(9);
    window.dispatchEvent(new Event("online"));
    expect(FakeSource.all).toHaveLength(9);
    close();
    window.dispatchEvent(new Event("online"));
    vi.advanceTimersByTime(600_000);
    expect(FakeSource.all).toHaveLength(9);
  });

  it("takes nothing more once it is closed", () => {
    const take = vi.fn();
    openStream({ after: "", take, refused: () => {} })();
    latest().send("policy", { version: 3 }, "1");
    expect(take).not.toHaveBeenCalled();
  });
});

describe("the lead", () => {
  it("is one tab's, and another's when that one closes", async () => {
    const locks = new FakeLocks();
    vi.stubGlobal("navigator", { locks });
    const tabs = [0, 1, 2].map((n) => {
      const stop = vi.fn();
      const lead = vi.fn(() => stop);
      return { n, stop, lead, leave: takeLead("x", lead) };
    });
    await vi.advanceTimersByTimeAsync(0);
    const leads = () => tabs.map((t) => t.lead.mock.calls.length);
    expect(leads()).toEqual([1, 0, 0]);
    tabs[1]?.leave(); // it only waited
    tabs[0]?.leave();
    expect(tabs[0]?.stop).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(leads()).toEqual([1, 0, 1]);
    tabs[2]?.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(leads()).toEqual([1, 0, 1]);
  });

  it("is everybody's where there are no locks, or where they are shut", async () => {
    vi.stubGlobal("navigator", {});
    const stop = vi.fn();
    const lead = vi.fn(() => stop);
    takeLead("x", lead)();
    expect(lead).toHaveBeenCalledTimes(1);
    expect(stop).toHaveBeenCalledTimes(1);
    vi.stubGlobal("navigator", { locks: { request: () => Promise.reject(new DOMException("shut", "SecurityError")) } });
    const leave = takeLead("x", lead);
    await vi.advanceTimersByTimeAsync(0);
    expect(lead).toHaveBeenCalledTimes(2);
    leave();
    expect(stop).toHaveBeenCalledTimes(2);
  });
});

describe("dispatch", () => {
  it("calls the handler of the type and no other", () => {
    const policy = vi.fn();
    const reset = vi.fn();
    dispatch({ type: "policy", data: { version: 2 }, id: "" }, { policy, reset });
    dispatch({ type: "key", data: { id: "key_1" }, id: "" }, { policy, reset });
    expect(policy.mock.calls).toEqual([[{ version: 2 }]]);
    expect(reset).not.toHaveBeenCalled();
  });
});
