import { afterEach, expect, it } from "vitest";
import type { OverviewModel } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import type { Language } from "@/stores/prefs";
import ModelsCard from "./ModelsCard.vue";

const model = (over: Partial<OverviewModel>): OverviewModel => ({
  id: "guard-nano", kind: "guard", default: true, built_in: true, state: "ready", state_code: "", progress: null, size_bytes: 20_000_000, device: "cpu", slots: 4, busy: 0, queued: 0, ...over,
});
let page: Mounted;
afterEach(() => page.done());
const row = async (over: Partial<OverviewModel>, language: Language = "en") => {
  page = await mountFor(ModelsCard, { models: [model(over)] }, { language });
  return page.host.querySelector("li small");
};

it("says where a model computes with an icon and a word, as the page of models does", async () => {
  const cpu = await row({});
  expect(cpu?.textContent).toBe("default · built in · Processor · 4 slots");
  expect(cpu?.querySelector("[data-device=cpu] svg")).not.toBeNull();
});

it("names a GPU without what the engine calls its kind", async () => {
  const gpu = await row({ device: "cuda:NVIDIA H100 80GB HBM3", default: false, built_in: false, busy: 2 });
  expect(gpu?.textContent).toBe("GPU · NVIDIA H100 80GB HBM3 · 4 slots · 2 busy");
  expect(gpu?.querySelector("[data-device=gpu] svg")).not.toBeNull();
});

it("speaks the other language", async () => {
  expect((await row({ default: false }, "zh-CN"))?.textContent).toContain("处理器 · ");
});

it("says nothing of a device where none computes", async () => {
  const failed = await row({ state: "failed", state_code: "no_memory", device: null, default: false });
  expect(failed?.textContent).toBe("built in · there is not enough memory");
  expect(failed?.querySelector("[data-device]")).toBeNull();
});
