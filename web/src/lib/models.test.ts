import { describe, expect, it } from "vitest";
import type { Model } from "@/api/types";
import { boardParts, deviceOf, fleet, memoryParts, memoryRows, msLeft, patched, percentOf, roomParts } from "./models";

const model = (over: Partial<Model>): Model => ({
  id: "guard-nano", kind: "guard", origin: "embedded", architecture: "qwen3", quantization: "Q8_0", sha256: "ab", template_sha256: "cd", state: "ready", state_code: "", state_reason: "",
  state_since: "2026-11-21T09:00:00.000Z", loaded_at: null, stage: null, progress: null, size_bytes: 1, context_length: 384, default: true, next: false, created_at: "2026-11-21T09:00:00.000Z", last_used_at: null, needs: null, needs_device: null, layers: null, layers_of: null,
  device: null, kernels: null, memory: null, slots: null, lanes: null, threads: null, slot_tokens: null, layout: null, canary: null, ...over,
});

describe("patched", () => {
  const loading = model({ state: "loading", stage: "checking", progress: 0.1 });
  it("takes over how far loading is", () => {
    expect(patched([loading], { id: "guard-nano", state: "loading", stage: "reading", progress: 0.5 })).toEqual([{ ...loading, stage: "reading", progress: 0.5 }]);
  });
  it("asks for the list where the state is another or the model new", () => {
    expect(patched([loading], { id: "guard-nano", state: "ready" })).toBeNull();
    expect(patched([], { id: "other", state: "loading", progress: 0 })).toBeNull();
  });
  it("drops what is gone, and leaves what says nothing new", () => {
    expect(patched([loading], { id: "guard-nano", state: "gone" })).toEqual([]);
    expect(patched([model({})], { id: "guard-nano", state: "ready" })).toEqual([model({})]);
  });
});

describe("roomParts", () => {
  const memory = (total: number) => ({ weights: total, packed: 0, cache: 0, compute: 0, output: 0, total, device: 0 });
  it("shares the memory out, the largest first, and says nothing where it is not known", () => {
    const room = roomParts([model({ memory: memory(10) }), model({ id: "large", memory: memory(30) }), model({ id: "out", state: "unloaded" })], { total: 100, used: 40, devices: [] });
    expect(room).toEqual({ total: 100, used: 40, free: 60, parts: [{ id: "large", bytes: 30, share: 0.3 }, { id: "guard-nano", bytes: 10, share: 0.1 }] });
    expect(roomParts([], { total: 0, used: 0, devices: [] })).toBeNull();
    expect(roomParts([], null)).toBeNull();
  });
});

describe("on a GPU", () => {
  const memory = (device: number) => ({ weights: 10, packed: 0, cache: 0, compute: 0, output: 0, total: 10, device });
  it("says which, and how many layers are there", () => {
    expect(deviceOf(model({}))).toBeNull();
    expect(deviceOf(model({ device: "cpu", layers: 0, layers_of: 29 }))).toMatchObject({ gpu: false, part: "none" });
    expect(deviceOf(model({ device: "cuda:NVIDIA H100: PCIe", layers: 29, layers_of: 29 }))).toEqual({ gpu: true, name: "NVIDIA H100: PCIe", part: "whole", layers: 29, of: 29 });
    expect(deviceOf(model({ device: "cuda:Board", layers: 14, layers_of: 29 }))).toMatchObject({ part: "some" });
    expect(deviceOf(model({ device: "cuda:Board" }))).toMatchObject({ part: "none" });
  });
  it("is counted apart, foreseen and held", () => {
    expect(memoryRows(model({}))).toEqual([]);
    expect(memoryRows(model({ needs: 5, needs_device: 7 }))).toEqual([{ key: "predicted", host: 5, device: 7 }]);
    expect(memoryRows(model({ needs: 0, needs_device: null, memory: memory(9) }))).toEqual([{ key: "predicted", host: 0, device: 0 }, { key: "held", host: 10, device: 9 }]);
  });
  it("is shared out among the models of that board", () => {
    const board = { name: "cuda:Board", total: 100, used: 70, free: 20 };
    const of = [model({ id: "a", device: "cuda:Board", memory: memory(30) }), model({ id: "b", device: "cuda:Board", memory: memory(40) }), model({ id: "c", device: "cuda:Other", memory: memory(5) }), model({ id: "d", device: "cpu", memory: memory(0) })];
    expect(boardParts(of, board)).toEqual({ total: 100, used: 70, free: 20, parts: [{ id: "b", bytes: 40, share: 0.4 }, { id: "a", bytes: 30, share: 0.3 }] });
  });
});

describe("loading", () => {
  it("is never whole before it is", () => {
    expect(percentOf({ progress: 1 })).toBe(99);
    expect(percentOf({ progress: null })).toBe(0);
  });
  it("says how long it takes by how long it took", () => {
    const at = { state_since: "2026-11-21T09:00:00.000Z", stage: "reading" as const };
    expect(msLeft({ ...at, progress: 0.25 }, Date.parse("2026-11-21T09:00:03.000Z"))).toBe(9000);
    expect(msLeft({ ...at, progress: 0.01 }, Date.parse("2026-11-21T09:00:03.000Z"))).toBeNull();
    expect(msLeft({ ...at, stage: "waiting", progress: 0.25 }, Date.parse("2026-11-21T09:00:03.000Z"))).toBeNull();
  });
});

it("shows the parts of memory that there are, the largest first", () => {
  const parts = memoryParts({ weights: 10, packed: 0, cache: 60, compute: 30, output: 0, total: 100, device: 0 });
  expect(parts.map((p) => [p.key, p.share])).toEqual([["cache", 0.6], ["compute", 0.3], ["weights", 0.1]]);
});


it("says the worst of all models", () => {
  expect(fleet([]).key).toBe("none");
  expect(fleet([model({}), model({ state: "loading" })])).toEqual({ key: "loading", n: 1 });
  expect(fleet([model({ state: "failed" }), model({ state: "loading" })])).toEqual({ key: "failed", n: 1 });
  expect(fleet([model({})])).toEqual({ key: "ready", n: 1 });
});
