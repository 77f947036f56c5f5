import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import type { AccessRequest } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import ApproveRequest from "./ApproveRequest.vue";
import AskAccess from "./AskAccess.vue";
import RequestList from "./RequestList.vue";
import RequestToday from "./RequestToday.vue";

const request = (over: Partial<AccessRequest> = {}): AccessRequest => ({
  id: "arq_1", user_id: "usr_2", username: "w.zhao", display_name: "Zhao Wei", model: "qwen3-vl-4b", operations: ["view", "infer"], purpose: "Night shift", until: new Date(Date.now() + 30 * 86_400_000).toISOString(), status: "open",
  created_at: new Date(Date.now() - 3_600_000).toISOString(), decided_at: null, decided_by: null, reason: "", rule_id: null, model_known: true, ...over,
});
let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
});
const buttons = () => [...(page?.host.querySelectorAll("button") ?? [])].map((b) => b.dataset.test);

async function show(list: AccessRequest[], decides: boolean, language: "en" | "zh-CN" = "en") {
  page = await mountFor(RequestList, { requests: list, decides }, { language });
  return page.host.textContent?.replace(/\s+/g, " ") ?? "";
}

describe("RequestList", () => {
  it("says who asks for what until when, in either language", async () => {
    expect(await show([request()], true)).toContain("Zhao Wei asks to see and use qwen3-vl-4b until");
    page?.done();
    expect(await show([request()], true, "zh-CN")).toContain("Zhao Wei 申请查看和使用 qwen3-vl-4b，有效期至");
  });

  it("lets whoever decides approve or decline what is another's, and what is his own only be withdrawn", async () => {
    await show([request()], true);
    expect(buttons()).toEqual(["approve", "decline"]);
    const session = useSession();
    session.user = { id: "usr_2" } as never;
    await nextTick();
    expect(buttons()).toEqual(["withdraw"]);
    expect(page?.host.textContent).toContain("Another person must decide");
  });

  it("offers no yes that the rules' file would refuse", async () => {
    page = await mountFor(RequestList, { requests: [request()], decides: true, fromFile: true });
    expect(buttons()).toEqual(["decline"]);
  });

  it("warns of a model that is not there, which whoever asked is not told", async () => {
    expect(await show([request({ model_known: false })], true)).toContain("There is no such model.");
    page?.done();
    expect(await show([request({ model_known: null })], false)).not.toContain("There is no such model.");
  });

  it("shows what was decided, by whom and why, and no button", async () => {
    const text = await show([request({ status: "declined", decided_at: new Date().toISOString(), decided_by: "m.chen", reason: "Use the smaller one." })], true);
    expect(text).toContain("Declined");
    expect(text).toContain("m.chen, just now");
    expect(text).toContain("Use the smaller one.");
    expect(buttons()).toEqual([]);
  });
});

describe("AskAccess", () => {
  const sent: unknown[] = [];
  beforeEach(() => {
    sent.length = 0;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (asked) => {
      sent.push(await (asked as Request).json());
      return new Response(JSON.stringify(request()), { status: 201, headers: { "Content-Type": "application/json" } });
    });
  });
  const test = <T extends HTMLElement>(name: string) => document.querySelector<T>(`[data-test=${name}]`) as T;
  async function write(field: HTMLInputElement | HTMLTextAreaElement, text: string): Promise<void> {
    field.value = text;
    field.dispatchEvent(new Event("input"));
    await nextTick();
  }

  it("sends what was asked for, and nothing while something is missing", async () => {
    page = await mountFor(AskAccess, { wanted: "qwen3-vl-4b", modelValue: true });
    await nextTick();
    test("ask-send").closest("dialog")?.querySelector("form")?.dispatchEvent(new Event("submit"));
    await nextTick();
    expect(sent).toEqual([]);
    expect(document.querySelectorAll("[aria-invalid=true]")).toHaveLength(1);
    await write(test<HTMLTextAreaElement>("ask-purpose"), "Referral letters at night");
    test<HTMLSelectElement>("ask-lasts").value = "";
    test("ask-lasts").dispatchEvent(new Event("change"));
    await nextTick();
    await write(test<HTMLInputElement>("ask-until"), "2001-01-01");
    document.querySelector("form")?.dispatchEvent(new Event("submit"));
    await nextTick();
    expect(sent).toEqual([]);
    await write(test<HTMLInputElement>("ask-until"), "2099-12-31 18:00");
    document.querySelector("form")?.dispatchEvent(new Event("submit"));
    await vi.waitFor(() => expect(sent).toHaveLength(1));
    expect(sent[0]).toMatchObject({ model: "qwen3-vl-4b", operations: ["view", "infer"], purpose: "Referral letters at night", until: new Date(2099, 11, 31, 18).toISOString() });
  });
});

describe("RequestToday", () => {
  it.each([["role", "moderation.run", true], ["no_rule_allows", "", false]])("says before the yes whether a rule can open it at all: %s", async (reason, action, told) => {
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ decision: "deny", reason, steps: [{ name: "role", outcome: action ? "fail" : "pass", action }] }), { headers: { "Content-Type": "application/json" } }));
    page = await mountFor(RequestToday, { request: request() });
    await vi.waitFor(() => expect(page?.host.querySelector("[data-test=today]")).not.toBeNull());
    expect(page.host.querySelector("[data-test=lacks]")?.textContent?.includes("moderation.run") ?? false).toBe(told);
    vi.unstubAllGlobals();
  });
});

describe("ApproveRequest", () => {
  it.each([["role", "fail", true], ["no_rule_allows", "pass", false]])("cannot be said yes to where the role keeps it from working: %s", async (reason, outcome, blocked) => {
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ decision: "deny", reason, steps: [{ name: "role", outcome, action: "moderation.run" }] }), { headers: { "Content-Type": "application/json" } }));
    page = await mountFor(ApproveRequest, { request: request(), busy: false, error: null });
    await vi.waitFor(() => expect(document.querySelector("[data-test=today]")).not.toBeNull());
    await nextTick();
    expect(document.querySelector<HTMLButtonElement>("[data-test=confirm]")?.disabled).toBe(blocked);
    vi.unstubAllGlobals();
  });
});
