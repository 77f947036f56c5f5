import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp, h, nextTick } from "vue";
import { createMemoryHistory, createRouter, RouterView, type Router } from "vue-router";
import { makeI18n } from "@/i18n";
import type { RuleText } from "@/lib/rules";
import { useLive } from "@/stores/live";
import { useSession } from "@/stores/session";
import { useToasts } from "@/stores/toasts";
import RulesView from "./RulesView.vue";

const rule = (id: string, over: Partial<RuleText> = {}): RuleText => ({ id, effect: "allow", principals: ["role:nurse"], models: ["guard-nano"], operations: ["view", "infer"], conditions: {}, mode: "enforce", note: "", owner: "", ...over });
const about = { origin: "admin", created_at: "2026-11-01T00:00:00.000Z", updated_at: "2026-11-01T00:00:00.000Z", version: 3, readable: true };
const explanation = { decision: "deny", status: 403, rule_id: null, reason: "condition_hours", failing_condition: "hours", would_pass_if: [{ kind: "enforced", rule_id: "night", text: "", at: null, ip: null, purpose: false }], would_pass_cut: false, steps: [{ name: "allow", outcome: "fail", rule_id: "ward", rules: 0, allows: 0, denies: 0, role: "", action: "" }], considered: [{ rule_id: "ward", effect: "allow", mode: "enforce", principal: true, key_only: false, holds: false, why: "", would_pass: null, conditions: [{ name: "hours", holds: false, value: "Mon-Fri 08:00-18:00 UTC", would_pass: null, next_at: null }] }], considered_more: 0, policy_version: 4, proposed: false, principal: "role:nurse", model: "guard-nano", operation: "infer", at: "2026-11-21T14:02:00.000Z" };
const rehearsal = { rows: 90, skipped: 0, from: "2026-11-08T00:00:00.000Z", to: "2026-11-22T00:00:00.000Z", cut: false, gain: 41, lose: 1, change: 0, people: [], people_total: 2, models: [], samples: [], days: [], policy_version: 4 };

interface Asked { method: string; path: string; headers: Headers; body: string }
let asked: Asked[] = [];
let rules: RuleText[] = [];
let version = 4;
let source = "database";
let refuse = 0;
let unreadable = "";
let file: unknown = null;
let unmount = () => {};
let router: Router;
const json = (body: unknown, status = 200, headers: Record<string, string> = {}) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });

function answer(method: string, path: string): Response {
  if (path.startsWith("/api/v1/acl/rules?")) return json({ items: rules, next_cursor: null, about: Object.fromEntries(rules.map((r) => [r.id, { ...about, readable: r.id !== unreadable }])), version, changed_at: null, source, default: "deny", total: rules.length, file }, 200, { ETag: `"v${version}"` });
  if (method === "PUT" && path.startsWith("/api/v1/acl/policy")) return refuse ? json({ code: "precondition_failed", status: 412, title: "", detail: "", type: "about:blank", request_id: "req_1" }, refuse) : json({ version: version + 1, source, total: 1, change: { dry_run: false, added: [], changed: [], removed: [] } });
  if (path.startsWith("/api/v1/acl/rules/ward") && !path.includes("/hits")) return json(rules.find((r) => r.id === "ward"), 200, { ETag: '"v9"' });
  if (path === "/api/v1/access/explain") return json(explanation);
  if (path === "/api/v1/acl/rehearse") return json(rehearsal);
  if (path.startsWith("/api/v1/acl/hygiene")) return json({ items: [{ id: "f", code: "never_matched", rule_id: "night", other_rule_id: null, params: { days: 30 }, proposal: { kind: "remove" } }], policy_version: 4, days: 30, rows: 1, cut: false });
  if (path.includes("/hits")) return json({ rule_id: "night", from: "2026-11-08T00:00:00.000Z", to: "2026-11-22T00:00:00.000Z", cut: false, decided: { allow: 0, deny: 0 }, would_have: { allow: 23, deny: 0 }, last_at: null, models: [], samples: [], days: [] });
  return json({ items: [], next_cursor: null });
}

beforeEach(() => {
  asked = [];
  version = 4;
  source = "database";
  refuse = 0;
  unreadable = "";
  file = null;
  rules = [rule("ward", { conditions: { hours: "Mon-Fri 08:00-18:00 UTC", rate_limit: "30req/min" } }), rule("night", { mode: "report-only" }), rule("elsewhere", { models: ["other"] })];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const request = input as Request;
    const url = new URL(request.url);
    asked.push({ method: request.method, path: url.pathname, headers: request.headers, body: await request.clone().text() });
    return answer(request.method, url.pathname + url.search);
  });
});
afterEach(() => {
  unmount();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

async function open(path: string): Promise<HTMLElement> {
  const host = document.createElement("div");
  const foot = document.createElement("div");
  foot.id = "savebar";
  document.body.append(host, foot);
  const pinia = createPinia();
  setActivePinia(pinia);
  router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/rules/:model?/:rule?", name: "rules", component: RulesView }, { path: "/", name: "start", component: { render: () => null } }, { path: "/audit/:id?", name: "audit", component: { render: () => null } }] });
  const app = createApp({ render: () => h(RouterView) });
  app.use(pinia).use(makeI18n("en")).use(router);
  useSession().actions = ["acl.manage"];
  vi.spyOn(useLive(), "on").mockImplementation(() => () => {});
  await router.push(path);
  app.mount(host);
  unmount = () => app.unmount();
  await until(() => expect(host.querySelector("[data-test=rule-list]")).not.toBeNull());
  return host;
}
/** Waits as long as a busy machine may need. */
const until = (met: () => unknown) => vi.waitFor(met, 20_000);
const at = (test: string): HTMLElement => {
  const e = document.querySelector<HTMLElement>(`[data-test="${test}"]`);
  if (!e) throw new Error("not there: " + test);
  return e;
};
const press = async (test: string) => (at(test).click(), await nextTick());
async function write(test: string, text: string): Promise<void> {
  const field = at(test) as HTMLInputElement;
  field.value = text;
  field.dispatchEvent(new Event("input"));
  await nextTick();
}
const puts = () => asked.filter((a) => a.method === "PUT");

describe("the page of rules", { timeout: 60_000 }, () => {
  it("shows the rules of a model with what is to be known of them, and the opened one whole", async () => {
    const host = await open("/rules/guard-nano/ward");
    await until(() => expect(at("rule-night").textContent).toContain("report-only · 23"));
    expect([...host.querySelectorAll("[data-test=rule-list] a")].map((a) => a.querySelector(".id")?.textContent)).toEqual(["night", "ward"]);
    expect(at("rule-night").textContent).toContain("never matched");
    expect(at("sentence").textContent).toBe("Allow nurses to view and infer with guard-nano, Monday to Friday 08:00–18:00 UTC, at most 30 requests a minute each.");
    await until(() => expect(at("explain-answer").textContent).toContain("Refused, 403"));
    expect(at("explain-answer").textContent).toContain("Nearest rule ward: Saturday");
    expect(at("would-pass").textContent).toContain("if night were enforced");
  });

  it("warns of a deny that its target sheds by stating no purpose", async () => {
    await open("/rules/guard-nano/ward");
    const warned = () => document.querySelector("[data-test=purpose-shed]") !== null;
    const ask = (on: boolean) => {
      (at("purpose") as HTMLInputElement).checked = on;
      at("purpose").dispatchEvent(new Event("change"));
      return nextTick();
    };
    await ask(true);
    expect(warned()).toBe(false);
    await press("effect-deny");
    expect(warned()).toBe(true);
    await ask(false);
    expect(warned()).toBe(false);
  });

  it("marks what changes, tries it, and saves the whole set where it was found", async () => {
    await open("/rules/guard-nano/ward");
    await write("rate", "60");
    expect(at("rules-bar").textContent).toContain("1 unsaved change");
    expect(at("was").textContent).toBe("was 30");
    expect(document.querySelector(".pc.ch")?.textContent).toBe("60 requests a minute");
    await until(() => expect(at("rehearsal").textContent).toContain("41 requests gain"));
    const tried = JSON.parse(asked.find((a) => a.path === "/api/v1/acl/rehearse")?.body ?? "{}") as { rules: RuleText[] };
    expect(tried.rules.map((r) => [r.id, r.conditions?.rate_limit]).sort()).toEqual([["elsewhere", undefined], ["night", undefined], ["ward", "60/min"]]);
    await press("save");
    await until(() => at("review-ward"));
    await press("confirm");
    await until(() => expect(puts()).toHaveLength(1));
    expect(puts()[0]?.headers.get("If-Match")).toBe('"v4"');
    await until(() => expect(document.querySelector("[data-test=rules-bar]")).toBeNull());
  });

  it("saves a change as a twin that only reports, and leaves what is in force", async () => {
    await open("/rules/guard-nano/ward");
    await write("rate", "60");
    await press("save-report");
    await press("confirm");
    await until(() => expect(puts()).toHaveLength(1));
    const sent = JSON.parse(puts()[0]?.body ?? "{}") as { rules: RuleText[] };
    expect(sent.rules.map((r) => [r.id, r.mode, r.conditions?.rate_limit])).toEqual([["ward", "enforce", "30req/min"], ["night", "report-only", undefined], ["elsewhere", "enforce", undefined], ["ward-trial", "report-only", "60/min"]]);
  });

  it("saves nothing while a text stands in a field that means nothing, and says where", async () => {
    await open("/rules/guard-nano/ward");
    await write("rate", "60");
    for (const [test, text, where] of [["ranges", "10.1.2.3/99", "ward, From addresses"], ["who", "no body!", "ward, Who"], ["models", "Qwen 3!", "ward, With models"], ["rate", "abc", "ward, At most"]] as const) {
      await write(test, text);
      await until(() => expect((at("save") as HTMLButtonElement).disabled).toBe(true));
      expect((at("save-report") as HTMLButtonElement).disabled).toBe(true);
      expect(at("rehearsal").textContent).toBe(`Not filled in correctly: ${where}.`);
      if (test === "rate") expect(at(test).getAttribute("aria-invalid")).toBe("true");
      await write(test, test === "rate" ? "60" : "");
      await until(() => expect((at("save") as HTMLButtonElement).disabled).toBe(false));
    }
  });

  it("keeps a removal as a change where the others are only reported, and says so before", async () => {
    await open("/rules/guard-nano/ward");
    await write("rate", "60");
    await router.push("/rules/guard-nano/night");
    await nextTick();
    await press("remove");
    await press("save-report");
    expect(at("report-left").textContent).toContain("its removal stays an unsaved change");
    await press("confirm");
    await until(() => expect(puts()).toHaveLength(1));
    expect((JSON.parse(puts()[0]?.body ?? "{}") as { rules: RuleText[] }).rules.map((r) => r.id)).toContain("night");
    await until(() => expect(at("rules-bar").textContent).toContain("1 unsaved change"));
    expect(at("rules-bar").textContent).toContain("night goes");
  });

  it("gives discarded changes back for a moment", async () => {
    await open("/rules/guard-nano/ward");
    await write("rate", "60");
    await press("discard");
    await until(() => expect(document.querySelector("[data-test=rules-bar]")).toBeNull());
    useToasts().list.at(-1)?.undo?.();
    await until(() => expect(at("rules-bar").textContent).toContain("1 unsaved change"));
    expect((at("rate") as HTMLInputElement).value).toBe("60");
  });

  it("leaves a rule that is gone by now", async () => {
    await open("/rules/guard-nano/ward");
    await press("remove");
    await press("save");
    await press("confirm");
    await until(() => expect(puts()).toHaveLength(1));
    await until(() => expect(router.currentRoute.value.params.rule ?? "").toBe(""));
  });

  it("shows what somebody else did first, and goes on on top of it", async () => {
    await open("/rules/guard-nano/ward");
    await write("rate", "60");
    await press("save");
    refuse = 412;
    version = 5;
    rules = [rule("ward", { operations: ["view"], conditions: { hours: "Mon-Fri 08:00-18:00 UTC", rate_limit: "30req/min" } }), rule("elsewhere", { models: ["other"] })];
    await press("confirm");
    await until(() => expect(at("stale").textContent).toContain("version 5"));
    expect(at("stale").textContent).toContain("also changed by you");
    expect(at("stale").textContent).toContain("night");
    refuse = 0;
    await press("confirm");
    await press("confirm");
    await until(() => expect(puts()).toHaveLength(2));
    expect(puts()[1]?.headers.get("If-Match")).toBe('"v5"');
    const sent = JSON.parse(puts()[1]?.body ?? "{}") as { rules: RuleText[] };
    expect(sent.rules.find((r) => r.id === "ward")).toMatchObject({ operations: ["view"], conditions: { rate_limit: "60/min" } });
    expect(sent.rules.map((r) => r.id).sort()).toEqual(["elsewhere", "ward"]);
  });

  it("takes a written policy over as changes, and says where it is none", async () => {
    await open("/rules/guard-nano?tab=yaml");
    const field = at("yaml-text") as HTMLTextAreaElement;
    const before = field.value;
    await write("yaml-text", before.replace("effect: allow", "effekt: allow"));
    await press("yaml-take");
    expect(at("yaml-problem").textContent).toContain("Line 3: there is no such field: effekt");
    await write("yaml-text", before.replace("30req/min", "60req/min").replace("mode: report-only", "mode: enforce"));
    await press("yaml-take");
    expect(at("rules-bar").textContent).toContain("2 unsaved changes");
    expect(puts()).toHaveLength(0);
  });

  it("sends no rule along that this release cannot read: each change by itself then, where it was found", async () => {
    unreadable = "elsewhere";
    await open("/rules/guard-nano/ward");
    await write("rate", "60");
    await press("save");
    await press("confirm");
    await until(() => expect(document.querySelector("[data-test=rules-bar]")).toBeNull());
    expect(puts().map((a) => [a.path, a.headers.get("If-Match")])).toEqual([["/api/v1/acl/rules/ward", '"v9"']]);
    expect(JSON.parse(puts()[0]?.body ?? "{}")).toMatchObject({ id: "ward", conditions: { rate_limit: "60/min" } });
  });

  it("says why the file that lies there is not in force", async () => {
    source = "file";
    file = { path: "/etc/guardhouse/policy.yaml", valid: false, problem: 'line 5: rules[0]: the field "principles" is unknown', since: "2026-11-22T08:45:08.000Z" };
    await open("/rules/guard-nano/ward");
    await until(() => expect(at("file-invalid").textContent).toContain("Line 5: rules[0]: there is no field “principles”"));
    expect(at("file-invalid").textContent).toContain("/etc/guardhouse/policy.yaml");
    expect(at("file-invalid").textContent).toContain("last good file stay in force");
    expect(document.querySelector("[data-test=from-file]")).toBeNull();
  });

  it("reads only where the rules come from a file, and explains all the same", async () => {
    source = "file";
    await open("/rules/guard-nano/ward");
    expect(at("from-file").textContent).toContain("acl.file");
    expect((at("rule-form") as HTMLFieldSetElement).disabled).toBe(true);
    expect(document.querySelector("[data-test=rule-new]")).toBeNull();
    await until(() => at("explain-answer"));
  });
});
