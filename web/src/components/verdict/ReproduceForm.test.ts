import { afterEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import type { HistoryRow, Reproduction } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import ReproduceForm from "./ReproduceForm.vue";

const row = { id: "mod_1" } as HistoryRow;
const same: Reproduction = {
  id: "mod_1", equal: true, text: "same", text_reason: null, differences: [], tolerance: 0.01, created_at: "2026-11-21T09:00:00.000Z", request_id: "req_1", audit_id: "evt_1", audit_hash: "ab",
  now: {
    severity: "Safe", categories: [], refusal: null, flagged: false, action: "allow", scores: { safe: 1, controversial: 0, unsafe: 0, other: 0 }, deciding_window: 1, runtime: null,
    model: { id: "guard-nano", sha256: "a", quantization: "Q8_0", template_sha256: "b" }, policy: { version: 1, mode: "strict" }, timings: { queue_ms: 0, model_ms: 1, total_ms: 1, prompt_tokens: 1, passes: 1, windows: 1 },
  },
};
let page: Mounted | null = null;
const test = <T extends HTMLElement>(name: string) => document.querySelector<T>(`[data-test="${name}"]`);
afterEach(() => {
  page?.done();
  page = null;
  vi.unstubAllGlobals();
});

async function show(answer: Reproduction | { code: string; detail: string; request_id: string }, status = 200, language: "en" | "zh-CN" = "en") {
  const asked: unknown[] = [];
  vi.stubGlobal("fetch", async (r: Request) => {
    expect(new URL(r.url).pathname).toBe("/api/v1/moderations/mod_1/reproduce");
    asked.push(await r.json());
    return new Response(JSON.stringify(answer), { status, headers: { "Content-Type": "application/json" } });
  });
  page = await mountFor(ReproduceForm, { row }, { language });
  return asked;
}

async function send(text: string) {
  const area = test<HTMLTextAreaElement>("again-input");
  if (!area) throw new Error("no field");
  area.value = text;
  area.dispatchEvent(new Event("input"));
  await nextTick();
  area.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
}
const said = async () => {
  await vi.waitFor(() => expect(test("again-result")).not.toBeNull());
  return test("again-result")?.textContent ?? "";
};

describe("ReproduceForm", () => {
  it.each([["en", "Equal: the model says the same", "0.01"], ["zh-CN", "一致：模型对该文本的判定相同", "0.01"]] as const)("sends the text by the keyboard and says that it is equal, in %s", async (language, ...parts) => {
    const asked = await show(same, 200, language);
    await send(" exactly this ");
    for (const part of parts) expect(await said()).toContain(part);
    expect(asked).toEqual([{ input: " exactly this " }]);
  });

  it("names what differs, and apart from it what only explains", async () => {
    await show({ ...same, equal: false, text: "not_provable", text_reason: "of_many", differences: [
      { field: "severity", recorded: "Unsafe", now: "Safe" }, { field: "categories", recorded: "Violent", now: null }, { field: "scores.unsafe", recorded: "0.9", now: "0.1" }, { field: "runtime.device", recorded: "cpu", now: "cuda0" },
    ] });
    await send("x");
    expect(await said()).toContain("one hash covers all of them");
    expect(test("again-decides")?.textContent).toBe("LevelUnsafe, now SafeCategoriesViolent, now nothingUnsafe0.900, now 0.100");
    expect(test("again-explains")?.textContent).toBe("Devicecpu, now cuda0");
  });

  it("says that a text is another one and that a model is gone", async () => {
    await show({ ...same, equal: false, text: "other", now: null, differences: [{ field: "text", recorded: null, now: null }] });
    await send("x");
    expect(await said()).toContain("This is not the text");
    page?.done();
    await show({ ...same, equal: false, now: null, differences: [{ field: "model", recorded: "big", now: null }] });
    await send("x");
    expect(await said()).toContain("no longer here");
  });

  it("asks nothing of an empty text, and keeps what was written when it is refused", async () => {
    const asked = await show({ code: "loading", detail: "The model is not loaded yet.", request_id: "req_2" }, 503);
    await send("");
    expect(page?.host.textContent).toContain("There is nothing to judge yet.");
    expect(asked).toHaveLength(0);
    await send("kept");
    await vi.waitFor(() => expect(test("error")).not.toBeNull());
    expect(test<HTMLTextAreaElement>("again-input")?.value).toBe("kept");
  });

  it("takes a conversation", async () => {
    const asked = await show(same);
    test<HTMLInputElement>("again-conversation")?.click();
    await nextTick();
    const turn = test<HTMLTextAreaElement>("turn-0");
    if (!turn) throw new Error("no turn");
    turn.value = "hello";
    turn.dispatchEvent(new Event("input"));
    await nextTick();
    test("reproduce")?.dispatchEvent(new Event("submit"));
    await said();
    expect(asked).toEqual([{ input: [{ role: "user", content: "hello" }] }]);
  });
});
