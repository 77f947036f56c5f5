import { afterEach, describe, expect, it, vi } from "vitest";
import { ref } from "vue";
import type { PolicyVersion, PolicyVersionDetail } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import RuleHistory from "./RuleHistory.vue";
import VersionList from "./VersionList.vue";
import VersionPage from "./VersionPage.vue";

const version = (n: number, over: Partial<PolicyVersion> = {}): PolicyVersion => ({ version: n, at: "2026-11-22T08:00:00.000Z", actor: "alice", note: "", event_id: "evt_" + n, added: 0, changed: 1, removed: 0, kind: "rules", subject: "", ...over });
const other = (n: number, kind: PolicyVersion["kind"], subject = "") => version(n, { kind, subject, actor: "", event_id: "", changed: 0 });

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
  vi.unstubAllGlobals();
});
const text = () => page?.host.textContent?.replace(/\s+/g, " ") ?? "";
async function list(items: PolicyVersion[], model: string, language: "en" | "zh-CN" = "en", more = false): Promise<void> {
  const versions = { items: ref(items), loaded: ref(true), loading: ref(false), loadingMore: ref(false), error: ref(null), hasMore: ref(more), more: () => {}, reload: () => {} };
  page = await mountFor(VersionList, { versions, model, opened: "9", current: 9, to: () => "/here" }, { language, routes: ["reviews"] });
}
const gaps = () => [...(page?.host.querySelectorAll("[data-test=version-gap]") ?? [])].map((e) => e.textContent);

describe("the list of versions", () => {
  it("has a line for each version, with what it was", async () => {
    await list([version(9, { note: "review arv_01ABC" }), other(8, "group_members", "fraud-desk"), other(7, "group_made", "fraud-desk"), version(6, { note: "request arq_01ABC" }), version(5, { kind: "from_file", actor: "acl.file", changed: 0 }), other(1, "start")], "");
    for (const part of ["the group fraud-desk has other members", "the group fraud-desk was made", "Decided in a review", "A request was approved", "acl.file: the rules come from acl.file from here on", "as shipped"]) expect(text()).toContain(part);
    expect(text()).not.toMatch(/arv_|arq_|1970/);
    expect(page?.host.querySelector("[data-test=version-8] , a[data-test=version-8]")?.tagName).toBe("DIV");
    expect(gaps()).toEqual([]);
  });

  it("says of one model what the versions between are about", async () => {
    await list([version(6), version(5), version(2)], "guard-nano");
    expect(gaps()).toEqual(["Versions 7 to 9 changed nothing about guard-nano.", "Versions 3 to 4 changed nothing about guard-nano.", "Version 1 changed nothing about guard-nano."]);
    page?.done();
    await list([version(9), version(7)], "guard-nano", "zh-CN", true);
    expect(gaps()).toEqual(["第 8 版与 guard-nano 无关。"]);
  });
});

describe("the history", () => {
  const at = async (version: string, items: PolicyVersion[], language: "en" | "zh-CN" = "en") => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (request: Request) => {
      const path = new URL(request.url).pathname;
      asked.push(path);
      const body = path.endsWith("/versions") ? { items, next_cursor: null } : { code: "not_found" };
      return new Response(JSON.stringify(body), { status: "items" in body ? 200 : 404, headers: { "Content-Type": "application/json" } });
    });
    page = await mountFor(RuleHistory, { model: "", version, current: 3, to: () => "/here", readOnly: false }, { language, routes: ["reviews"] });
    await vi.waitFor(() => expect(page?.host.querySelector("[data-test=version-still], [data-test=error]")).not.toBeNull());
    return asked;
  };

  it("says what a version was that changed no rule, and asks for no such change", async () => {
    const asked = await at("3", [other(3, "role_changed", "auditor"), version(2)]);
    expect(text()).toContain("No rule changed in this version: the role auditor was changed.");
    expect(asked).toEqual(["/api/v1/acl/versions"]);
    page?.done();
    await at("3", [other(3, "role_changed", "auditor")], "zh-CN");
    expect(page?.host.querySelector("[data-test=version-still]")?.textContent).toContain("这一版没有改动规则");
  });

  it("has no error page for one that is not in the first of many", async () => {
    const asked = await at("1", [version(3)]);
    expect(asked).toContain("/api/v1/acl/versions/1");
    expect(page?.host.querySelector("[data-test=error]")).toBeNull();
    expect(text()).toContain("or there is no such version");
  });
});

describe("one version", () => {
  const detail = (over: Partial<PolicyVersionDetail>): PolicyVersionDetail => ({ version: 9, at: "2026-11-22T08:00:00.000Z", actor: "alice", note: "", event_id: "evt_9", rules: [], before: "", after: "", undoable: true, ...over });
  const undo = { pending: ref(false), error: ref(null) };
  const show = async (over: Partial<PolicyVersionDetail>, readOnly: boolean, language: "en" | "zh-CN" = "en") => (page = await mountFor(VersionPage, { detail: detail(over), undo, readOnly }, { routes: ["reviews"], language }));

  it("says that the file rules, not that a rule was changed since", async () => {
    await show({ undoable: false }, true);
    expect(page?.host.querySelector("[data-test=not-undoable]")?.textContent).toContain("come from acl.file");
    expect(text()).not.toContain("changed since");
    page?.done();
    await show({ undoable: false }, false);
    expect(text()).toContain("changed since");
  });

  it("names what it took back, and leads to the review that it was decided in", async () => {
    await show({ note: "undo 4" }, false, "zh-CN");
    expect(page?.host.querySelector("a[data-test=version-note]")?.textContent).toBe("撤回第 4 版");
    page?.done();
    await show({ note: "review arv_01ABC" }, false);
    expect(page?.host.querySelector("a[data-test=version-note]")?.getAttribute("href")).toContain("/reviews");
    page?.done();
    await show({ note: "fraud desk only" }, false);
    expect(page?.host.querySelector("[data-test=version-note]")?.tagName).toBe("SPAN");
  });
});
