import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp, h, nextTick } from "vue";
import { createMemoryHistory, createRouter, RouterView } from "vue-router";
import { makeI18n } from "@/i18n";
import { useLive } from "@/stores/live";
import { useSession } from "@/stores/session";
import RulesView from "./RulesView.vue";

const ward = { id: "ward", effect: "allow", principals: ["role:nurse"], models: ["guard-nano"], operations: ["view", "infer"], conditions: { valid_from: "2026-12-02T00:00:00.000Z" }, mode: "enforce", note: "", owner: "" };
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ETag: '"v4"' } });
let unmount = () => {};

/** A server that knows nobody called rob. */
function answer(path: string, body: string): Response {
  if (path === "/api/v1/acl/rules") return json({ items: [ward], next_cursor: null, about: { ward: { origin: "admin", created_at: "2026-11-01T00:00:00.000Z", updated_at: "2026-11-01T00:00:00.000Z", version: 3, readable: true } }, version: 4, changed_at: null, source: "database", default: "deny", total: 1 });
  if (path === "/api/v1/acl/rehearse" || path === "/api/v1/access/explain") {
    const { rules = [], principal = "" } = JSON.parse(body) as { rules?: { principals: string[] }[]; principal?: string };
    const at = rules[0]?.principals.indexOf("user:rob") ?? -1;
    const field = at >= 0 ? `rules[0].principals[${at}]` : principal.endsWith("rob") ? "principal" : "";
    if (field) return json({ code: "unprocessable", status: 422, title: "", detail: field + ": there is no such user", field, type: "about:blank", request_id: "req_1" }, 422);
  }
  if (path === "/api/v1/acl/rehearse") return json({ rows: 9, skipped: 0, cut: false, gain: 4, lose: 1, change: 0, people: [], people_total: 2, models: [], samples: [], days: [] });
  if (path === "/api/v1/access/explain") return json({ decision: "allow", status: 200, limit: null, rule_id: "ward", reason: "allowed", failing_condition: null, would_pass_if: [], would_pass_cut: false, steps: [], considered: [], considered_more: 0, policy_version: 4, at: "2026-11-22T08:00:00.000Z" });
  if (path.endsWith("/hits")) return json({ code: "forbidden", status: 403, title: "", detail: "", type: "about:blank", request_id: "req_1" }, 403);
  return json({ items: [], next_cursor: null });
}

beforeEach(() => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const request = input as Request;
    return answer(new URL(request.url).pathname, await request.clone().text());
  });
});
afterEach(() => {
  unmount();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

async function open(locale: "en" | "zh-CN"): Promise<void> {
  const [host, foot] = [document.createElement("div"), document.createElement("div")];
  foot.id = "savebar";
  document.body.append(host, foot);
  const pinia = createPinia();
  setActivePinia(pinia);
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/rules/:model?/:rule?", name: "rules", component: RulesView }, { path: "/audit/:id?", name: "audit", component: { render: () => null } }] });
  const app = createApp({ render: () => h(RouterView) });
  app.use(pinia).use(makeI18n(locale)).use(router);
  useSession().actions = ["acl.manage"];
  vi.spyOn(useLive(), "on").mockImplementation(() => () => {});
  await router.push("/rules/guard-nano/ward");
  app.mount(host);
  unmount = () => app.unmount();
  await until(() => at("rule-form"));
}
const until = (met: () => unknown) => vi.waitFor(met, 20_000);
const at = (test: string): HTMLInputElement => {
  const e = document.querySelector<HTMLInputElement>(`[data-test="${test}"]`);
  if (!e) throw new Error("not there: " + test);
  return e;
};
async function write(test: string, text: string, ...events: Event[]): Promise<void> {
  at(test).value = text;
  for (const e of [new Event("input"), ...events]) at(test).dispatchEvent(e);
  await nextTick();
}

describe("a rule that the server does not take", { timeout: 60_000 }, () => {
  it.each([
    ["en", "There is nobody called rob.", "Not filled in correctly: ward, Who."],
    ["zh-CN", "没有名为 rob 的用户。", "尚未填好：ward, 谁。"],
  ] as const)("is told at its field in %s, and saving waits until it is another", async (locale, text, where) => {
    await open(locale);
    await write("note", "x");
    await write("who", "user:rob", new KeyboardEvent("keydown", { key: "Enter" }));
    await until(() => expect(at("no-principals").textContent).toBe(text));
    expect(document.querySelector(".chip.off")?.textContent).toContain("rob");
    expect(at("save").disabled).toBe(true);
    expect(at("rehearsal").textContent).toBe(where);
    expect(document.body.textContent).not.toContain("rules[0]");
    (document.querySelector(".chip.off button") as HTMLElement).click();
    await until(() => expect(at("save").disabled).toBe(false));
  });

  it("is told without the server where it ends before it begins", async () => {
    await open("en");
    await write("until", "2026-12-01", new Event("change"));
    expect(at("no-valid_until").textContent).toContain("It ends before it begins");
    expect(at("rehearsal").textContent).toBe("Not filled in correctly: ward, Until.");
    expect(at("save").disabled).toBe(true);
    await write("until", "2026-12-31", new Event("change"));
    expect(at("save").disabled).toBe(false);
  });

  it("says that a new rule does nothing before it is saved", async () => {
    await open("en");
    await write("from", "", new Event("change"));
    expect(document.querySelector("[data-test=idle]")).toBeNull();
    at("duplicate").click();
    await until(() => expect(at("idle").textContent).toBe("allow-nurse-guard-nano changes nothing: ward already decides all that it is about."));
  });

  it("says that nobody has the name that is asked about", async () => {
    await open("en");
    await write("explain-who", "user:rob");
    await until(() => expect(at("explain-wrong").textContent).toBe("There is no user:rob."));
  });
});
