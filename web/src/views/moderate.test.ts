import { afterEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useDraft } from "@/stores/draft";
import { useSession } from "@/stores/session";
import ModelsView from "./ModelsView.vue";
import ModerateView from "./ModerateView.vue";

const guard = { id: "guard-nano", kind: "guard", default: true, state: "ready", quantization: "Q8_0" };
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
let page: Mounted | null = null;
let open: unknown[] = [];
let judged = 0;
const test = <T extends HTMLElement>(name: string) => document.querySelector<T>(`[data-test="${name}"]`);

async function show(view: typeof ModerateView | typeof ModelsView, actions: string[] = ["moderation.run"], language: "en" | "zh-CN" = "en") {
  judged = 0;
  vi.stubGlobal("fetch", async (asked: Request) => {
    const path = new URL(asked.url).pathname;
    if (path === "/api/v1/models") return json({ items: open });
    if (path === "/api/v1/moderations" && asked.method === "POST") {
      judged++;
      open = [];
      return json({ code: "not_found", detail: "There is no such model.", request_id: "req_1" }, 404);
    }
    return json({ items: [], next_cursor: null });
  });
  page = await mountFor(view, {}, { routes: ["requests", "history", "models", "usage"], language });
  useSession().actions = actions;
  await vi.waitFor(() => expect(test("judge") ?? test("fleet")).not.toBeNull());
}
afterEach(() => {
  page?.done();
  page = null;
  vi.unstubAllGlobals();
});

describe("where no model is open", () => {
  it.each(["en", "zh-CN"] as const)("judges nothing and leads to asking for one, in %s", async (language) => {
    open = [];
    await show(ModerateView, ["moderation.run"], language);
    await vi.waitFor(() => expect(test("closed-ask")).not.toBeNull());
    expect(test<HTMLButtonElement>("judge")?.disabled).toBe(true);
    expect(test("closed-ask")?.getAttribute("href")).toContain("/requests?ask");
    useDraft().text = "Wire the money";
    document.querySelector("form")?.dispatchEvent(new Event("submit"));
    await nextTick();
    expect(judged).toBe(0);
  });

  it("says so of a model that was closed meanwhile, with the way to ask for it and no button to try again", async () => {
    open = [guard];
    await show(ModerateView);
    await vi.waitFor(() => expect(useDraft().model).toBe("guard-nano"));
    expect(test("closed")).toBeNull();
    useDraft().text = "Wire the money";
    await nextTick();
    document.querySelector("form")?.dispatchEvent(new Event("submit"));
    await vi.waitFor(() => expect(test("gone")).not.toBeNull());
    expect(test("gone")?.textContent).toContain("This model is not open to you");
    expect(test("gone-ask")?.getAttribute("href")).toBe("/requests?ask=guard-nano");
    expect(test("error")).toBeNull();
    await vi.waitFor(() => expect(test<HTMLButtonElement>("judge")?.disabled).toBe(true));
  });

  it("leads from an empty list of models to asking for one", async () => {
    open = [];
    await show(ModelsView, ["model.view"]);
    await vi.waitFor(() => expect(test("none-ask")).not.toBeNull());
    expect(test("fleet")?.textContent).toBe("No model is open to you now.");
  });

  it("tells whoever brings models in how", async () => {
    open = [];
    await show(ModelsView, ["model.view", "model.manage"]);
    await vi.waitFor(() => expect(test("fleet")?.textContent).toBe("No model is here yet."));
    expect(test("none-ask")).toBeNull();
  });
});
