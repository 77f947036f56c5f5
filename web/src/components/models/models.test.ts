import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { h } from "vue";
import type { Model, ModelRoom } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import ModelPanel from "./ModelPanel.vue";
import ModelTable from "./ModelTable.vue";
import RoomBar from "./RoomBar.vue";

const MB = 1_000_000;
const onCpu: Model = {
  id: "guard-nano", kind: "guard", origin: "embedded", architecture: "qwen3", quantization: "Q8_0", sha256: "ab".repeat(32), template_sha256: "cd".repeat(32), state: "ready", state_code: "", state_reason: "",
  state_since: "2026-11-21T09:00:00.000Z", loaded_at: "2026-11-21T09:00:00.000Z", stage: null, progress: null, size_bytes: 20 * MB, context_length: 384, default: true, next: false, created_at: "2026-11-21T09:00:00.000Z", last_used_at: null,
  device: "cpu", layers: 0, layers_of: null, kernels: "avx2", needs: 30 * MB, needs_device: 0, slots: 4, lanes: 2, threads: 2, slot_tokens: 384, layout: "two lanes are fastest",
  memory: { weights: 20 * MB, packed: 0, cache: 5 * MB, compute: 3 * MB, output: 0, total: 28 * MB, device: 0 },
  canary: { result: "passed", at: "2026-11-21T09:00:01.000Z", canaries: 12, drifted: 0, builtin: true },
};
const onGpu: Model = {
  ...onCpu, id: "qwen3guard-gen-4b", origin: "imported", default: false, size_bytes: 4280 * MB, device: "cuda:NVIDIA H100 80GB HBM3", layers: 30, layers_of: 37, kernels: "none", needs: 910 * MB, needs_device: 3900 * MB,
  memory: { weights: 600 * MB, packed: 0, cache: 100 * MB, compute: 200 * MB, output: 0, total: 900 * MB, device: 3700 * MB },
  canary: { result: "drifted", at: "2026-11-21T09:00:01.000Z", canaries: 12, drifted: 3, builtin: false },
};
const nothing = { device: null, layers: null, layers_of: null, kernels: null, needs: null, needs_device: null, slots: null, lanes: null, threads: null, slot_tokens: null, layout: null, memory: null };
const away: Model = { ...onGpu, ...nothing, state: "unloaded", state_code: "by_hand", loaded_at: null, needs: 910 * MB, needs_device: 3900 * MB, canary: null };

let page: Mounted | null = null;
beforeEach(() => vi.stubGlobal("fetch", () => new Promise(() => {})));
afterEach(() => {
  page?.done();
  vi.unstubAllGlobals();
});
const text = (selector: string) => page?.host.querySelector(selector)?.textContent?.replace(/\s+/g, " ").trim() ?? null;
const list = async (models: Model[], language?: "zh-CN") => (page = await mountFor(ModelTable, { models, selected: "" }, language ? { language } : {}));

describe("the list", () => {
  it("says where each model computes, what it holds and how its canaries stand", async () => {
    await list([onCpu, onGpu]);
    expect(text("tbody tr:nth-child(1) .c-dev")).toBe("Processor4 slots");
    expect(text("tbody tr:nth-child(1) .c-mem")).toBe("28 MB");
    expect(text("tbody tr:nth-child(1) [data-canary=passed]")).toBe("Passed");
    expect(page?.host.querySelector("tbody tr:nth-child(1) [data-device=cpu] use")?.getAttribute("href")).toBe("#i-cpu");
    expect(text("tbody tr:nth-child(2) .c-dev")).toBe("GPU · NVIDIA H100 80GB HBM330 of 37 layers4 slots");
    expect(text("tbody tr:nth-child(2) .c-mem")).toBe("900 MBGPU 3.7 GB");
    expect(text("tbody tr:nth-child(2) [data-canary=drifted]")).toBe("3 of 12 drifted");
    expect(page?.host.querySelector("tbody tr:nth-child(2) [data-device=gpu] use")?.getAttribute("href")).toBe("#i-gpu");
  });

  it("says of one that is away what it would take", async () => {
    await list([onCpu, away], "zh-CN");
    expect(text("tbody tr:nth-child(2) .c-dev")).toBe("–");
    expect(text("tbody tr:nth-child(2) .c-mem")).toBe("910 MB预计显存 3.9 GB");
    expect(text("tbody tr:nth-child(2) [data-canary=none]")).toBe("尚未询问");
  });

  it("has no empty columns for those who do not look after the machine, and no canaries of a chat model", async () => {
    await list([{ ...onCpu, ...nothing }, { ...onCpu, ...nothing, id: "chat", kind: "chat", canary: null }]);
    expect(page?.host.querySelectorAll("th")).toHaveLength(5);
    expect(page?.host.querySelector(".c-dev, .c-mem")).toBeNull();
    expect(text("tbody tr:nth-child(2) .c-can")).toBe("–");
  });
});

describe("a model that is opened", () => {
  const open = async (model: Model) => (page = await mountFor({ setup: () => ((useSession().actions = ["model.view"]), () => h(ModelPanel, { model, up: null, down: null })) }));
  const cells = (row: string) => [...(page?.host.querySelectorAll(`[data-test=memory] [data-row=${row}] td`) ?? [])].map((c) => c.textContent?.replace(/\s+/g, " "));

  it("tells on the CPU of one memory, foreseen and held, and of both hashes", async () => {
    await open(onCpu);
    expect(cells("predicted")).toEqual(["30 MB"]);
    expect(cells("held")).toEqual(["28 MB"]);
    expect(text("[data-device=cpu]")).toBe("Processor (CPU)");
    expect(text("[data-test=canary]")).toContain("all 12 fixed texts answered as recorded");
    expect([...(page?.host.querySelectorAll("[data-test=hash] code") ?? [])].map((c) => c.textContent)).toEqual([onCpu.sha256, onCpu.template_sha256]);
  });

  it("tells on a GPU of both memories and of the layers", async () => {
    await open(onGpu);
    expect(cells("predicted")).toEqual(["910 MB", "3.9 GB"]);
    expect(cells("held")).toEqual(["900 MB", "3.7 GB"]);
    expect(text("[data-device=gpu]")).toBe("GPU · NVIDIA H100 80GB HBM330 of 37 layers are on it, the others on the processor.");
    expect(text("[data-test=canary]")).toContain("3 of 12 fixed texts answered otherwise");
  });

  it("tells of one that is away what it would take, and nothing that it holds", async () => {
    await open(away);
    expect(cells("predicted")).toEqual(["910 MB", "3.9 GB"]);
    expect(page?.host.querySelector("[data-row=held]")).toBeNull();
    expect(page?.host.querySelector("[data-device]")).toBeNull();
  });
});

it("shows the machine's memory and each GPU's apart", async () => {
  const room: ModelRoom = { total: 8000 * MB, used: 928 * MB, devices: [{ name: "cuda:NVIDIA H100 80GB HBM3", total: 80_000 * MB, used: 3700 * MB, free: 70_000 * MB }] };
  page = await mountFor(RoomBar, { models: [onCpu, onGpu], room });
  expect(text("[data-test=room] .rp")).toContain("928 MB of 8 GB are taken");
  expect(text("[data-test=board]")).toBe("GPU · NVIDIA H100 80GB HBM3Models hold 3.7 GB of 80 GB, and may take 70 GB more.qwen3guard-gen-4b3.7 GB");
  page.done();
  page = await mountFor(RoomBar, { models: [onCpu], room: { ...room, devices: [] } });
  expect(page.host.querySelector("[data-test=board]")).toBeNull();
});
