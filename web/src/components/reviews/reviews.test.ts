import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import AccessHead from "@/components/requests/AccessHead.vue";
import PeopleHead from "@/components/people/PeopleHead.vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import { useToasts } from "@/stores/toasts";
import ReviewPage from "./ReviewPage.vue";

const item = (decision: string) => ({ rule_id: "gus-branch", rule: { id: "gus-branch", effect: "deny", principals: ["user:gus"], models: ["guard-nano"], operations: ["infer"], conditions: {}, mode: "enforce", note: "", owner: "" }, decision, decided_at: null, decided_by: null, note: "", now: "same", owner: null, mine: true, fingerprint: "f" });
let page: Mounted | null = null;
let decision = "open";
const json = (body: unknown) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
beforeEach(() => {
  decision = "open";
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const request = input as Request;
    if (request.method === "POST") {
      decision = ((await request.json()) as { decision: string }).decision === "keep" ? "kept" : "asked";
      return json(item(decision));
    }
    return json({ review: { id: "arv_1", title: "Q4", status: "open", due_at: "2026-12-06T00:00:00.000Z", created_at: "2026-11-22T00:00:00.000Z", counts: { open: 1, kept: 0, asked: 0, removed: 0, total: 1 } }, items: [item(decision)], next_cursor: null });
  });
});
afterEach(() => {
  page?.done();
  vi.restoreAllMocks();
});

describe("a review", () => {
  it("says of a rule only what was decided last", async () => {
    page = await mountFor(ReviewPage, {}, { routes: ["reviews"] });
    const press = (test: string) => vi.waitFor(() => {
      const b = document.querySelector<HTMLButtonElement>(`[data-test="${test}"]`);
      if (!b || b.disabled) throw new Error(test);
      b.click();
    }, 20_000);
    await press("keep");
    await vi.waitFor(() => expect(useToasts().list.map((x) => x.text)).toEqual(["gus-branch stays."]), 20_000);
    await press("remove");
    await press("confirm");
    await vi.waitFor(() => expect(useToasts().list.map((x) => x.text)).toEqual([expect.stringContaining("gus-branch")]), 20_000);
    await vi.waitFor(() => expect(useToasts().list[0]?.text).not.toBe("gus-branch stays."), 20_000);
    expect(useToasts().list).toHaveLength(1);
  }, 60_000);
});

describe("the heads of the tabs", () => {
  it("say which page it is", async () => {
    for (const [component, current, name] of [[AccessHead, "requests", "Access requests"], [AccessHead, "reviews", "Access reviews"], [PeopleHead, "groups", "Groups"], [PeopleHead, "people", "Users & roles"]] as const) {
      page?.done();
      page = await mountFor(component, { current, people: null, roles: null }, { routes: ["people", "groups", "roles", "requests", "reviews"] });
      useSession().actions = ["user.manage"];
      expect(page.host.querySelector("h1")?.textContent).toBe(name);
    }
  });
});
