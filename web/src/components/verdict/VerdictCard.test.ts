import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { createApp, h } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";
import type { ShownVerdict } from "@/api/types";
import { makeI18n } from "@/i18n";
import VerdictCard from "./VerdictCard.vue";

const base: ShownVerdict = {
  id: "mod_1", created_at: "2026-11-21T09:00:00.000Z", request_id: "req_1", severity: "Unsafe", categories: ["Violent"], refusal: null, flagged: true, action: "block",
  scores: { safe: 0.006, controversial: 0.041, unsafe: 0.952, other: 0.001 }, model: { id: "guard-nano", sha256: "ab".repeat(32), quantization: "Q8_0", template_sha256: "cd".repeat(32) },
  policy: { version: 12, mode: "strict" }, cached: false, audit_hash: "ef".repeat(32), timings: { queue_ms: 0.1, model_ms: 7.9, total_ms: 9, prompt_tokens: 31, passes: 1, windows: 1 }, deciding_window: 1,
  runtime: { build: "1.0 abc", engine: "ollama v0.24.0 llama.cpp ec98e2002", device: "cpu", kernels: "avx2", flash: true, kv_cache: "f16" },
};

const page = { render: () => null };
const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/", component: page }, { path: "/audit/:id", name: "audit", component: page }] });

function render(verdict: ShownVerdict, locale: "en" | "zh-CN"): HTMLElement {
  const host = document.createElement("div");
  const pinia = createPinia();
  setActivePinia(pinia);
  document.documentElement.lang = locale;
  createApp({ render: () => h(VerdictCard, { verdict }) }).use(pinia).use(makeI18n(locale)).use(router).mount(host);
  return host;
}

beforeEach(() => localStorage.clear());

describe("VerdictCard", () => {
  it("says level, policy, action, category and all four figures, in both languages", () => {
    const en = render(base, "en").textContent ?? "";
    for (const part of ["Unsafe", "Flagged under strict policy. Action: block.", "Violent", "0.006", "0.041", "0.952", "0.001", "one pass", "version 12, strict"]) expect(en).toContain(part);
    const zh = render(base, "zh-CN").textContent ?? "";
    for (const part of ["不安全", "按从严口径命中，处置：拦截。", "暴力", "第 12 版，从严"]) expect(zh).toContain(part);
  });

  it("shows a held verdict as held and never names an action", () => {
    const text = render({ ...base, severity: "Safe", action: "review", flagged: false, scores: { safe: 0.4, controversial: 0.17, unsafe: 0.12, other: 0.31 } }, "en").textContent ?? "";
    expect(text).toContain("Needs a person");
    expect(text).toContain("Held, not passed");
    expect(text).toContain("31 % of the probability");
    expect(text).not.toContain("Action:");
  });

  it("says who computed it, and that an old row does not tell", () => {
    expect(render(base, "en").querySelector("[data-test=runtime]")?.textContent).toBe("cpu · avx2 · kv f16 · ollama v0.24.0 llama.cpp ec98e2002");
    expect(render({ ...base, runtime: null }, "en").textContent).toContain("Computed bynot recorded at the time");
  });

  // threat W1
  it("shows what the server sends as text, whatever it holds", () => {
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    const host = render({ ...base, id: hostile, categories: [hostile], model: { ...base.model, id: hostile, quantization: hostile } }, "en");
    expect(host.querySelector("img, script")).toBeNull();
    expect(host.textContent).toContain(hostile);
  });
});
