import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, nextTick, ref, shallowRef } from "vue";
import type { HistoryRow } from "@/api/types";
import type { Handlers } from "@/lib/liveEvents";
import { useLive } from "@/stores/live";
import { useFreshRows } from "./useFreshRows";

const row = (n: number, severity: "Safe" | "Unsafe" = "Safe"): HistoryRow => ({
  id: "mod_" + String(n).padStart(4, "0"), request_id: "req_1", created_at: "2026-11-21T09:00:00.000Z", actor: { type: "user", id: "usr_1", name: "rita" },
  severity, categories: [], refusal: null, flagged: false, action: "allow", cached: false, scores: { safe: 1, controversial: 0, unsafe: 0, other: 0 },
  model: { id: "guard-nano", sha256: "a", quantization: "Q8_0", template_sha256: "b" }, policy: { version: 1, mode: "strict" }, audit_seq: n, audit_id: "evt_1", audit_hash: "c",
  timings: { queue_ms: 0, model_ms: 1, total_ms: 1, prompt_tokens: 1, passes: 1, windows: 1 }, deciding_window: 1, runtime: null,
});

let handlers: Handlers;
beforeEach(() => {
  setActivePinia(createPinia());
  vi.spyOn(useLive(), "on").mockImplementation((h) => {
    handlers = h;
    return () => (handlers = {});
  });
});

function setup(newest: () => Promise<HistoryRow[]> = async () => []) {
  const list = { items: shallowRef([row(5), row(4)]), loaded: ref(true), loadedAt: ref(1) };
  const scope = effectScope();
  const fresh = scope.run(() => useFreshRows(list, (r) => r.severity === "Safe", newest));
  if (!fresh) throw new Error("no scope");
  return { list, fresh, scope };
}

describe("useFreshRows", () => {
  it("counts what came and fits, once, and moves nothing", () => {
    const { list, fresh } = setup();
    handlers.verdict?.(row(6));
    handlers.verdict?.(row(6)); // a row that was cut in two comes again
    handlers.verdict?.(row(7, "Unsafe"));
    handlers.verdict?.(row(5));
    expect(fresh.count.value).toBe(1);
    expect(list.items.value.map((r) => r.audit_seq)).toEqual([5, 4]);
  });

  it("drops what a reload has brought and keeps what came meanwhile", async () => {
    const { list, fresh } = setup();
    handlers.verdict?.(row(6));
    handlers.verdict?.(row(8));
    list.items.value = [row(7), row(6), row(5)];
    list.loadedAt.value = 2;
    await nextTick();
    expect(fresh.count.value).toBe(1);
    fresh.forget();
    expect(fresh.count.value).toBe(0);
  });

  it("reads the newest rows itself where some were missed, and nothing while there is no list", async () => {
    const newest = vi.fn(async () => [row(9), row(8), row(5)]);
    const { list, fresh } = setup(newest);
    handlers.reset?.({ id: 9 });
    await vi.waitFor(() => expect(fresh.count.value).toBe(2));
    list.loaded.value = false;
    handlers.fresh?.(null);
    handlers.verdict?.(row(10));
    expect(newest).toHaveBeenCalledTimes(1);
    expect(fresh.count.value).toBe(2);
  });

  it("drops an answer that is older than the list, and survives a failure", async () => {
    let answer: (rows: HistoryRow[]) => void = () => {};
    const { list, fresh } = setup(() => new Promise((resolve) => (answer = resolve)));
    handlers.reset?.({ id: 9 });
    list.items.value = [row(9)];
    list.loadedAt.value = 2;
    answer([row(9), row(8)]);
    await nextTick();
    expect(fresh.count.value).toBe(0);
    const failing = setup(() => Promise.reject(new Error("offline")));
    handlers.reset?.({ id: 9 });
    await nextTick();
    expect(failing.fresh.count.value).toBe(0);
  });

  it("counts no further than anybody reads, and hears nothing once it is gone", () => {
    const { fresh, scope } = setup();
    for (let n = 6; n < 700; n++) handlers.verdict?.(row(n));
    expect(fresh.count.value).toBe(500);
    scope.stop();
    expect(handlers).toEqual({});
  });
});
