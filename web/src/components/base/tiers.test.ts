import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick, reactive, type Component } from "vue";
import GroupMembers from "@/components/groups/GroupMembers.vue";
import RotateKey from "@/components/keyring/RotateKey.vue";
import ApproveRequest from "@/components/requests/ApproveRequest.vue";
import EndRequest from "@/components/requests/EndRequest.vue";
import RuleReview from "@/components/rules/RuleReview.vue";
import VersionPage from "@/components/rules/VersionPage.vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import type { RuleText } from "@/lib/rules";
import { useSession } from "@/stores/session";

/** As the server says them. */
const tiers = { "acl.change": 2, "acl.open": 4, "group.add": 2, "group.remove": 2, "group.open": 4, "access.approve": 4, "access.decline": 2, "key.rotate": 2, "key.rotate_admin": 4 };
const rule = (over: Partial<RuleText> = {}): RuleText => ({ id: "ward", effect: "allow", principals: ["role:nurse"], models: ["guard-nano"], operations: ["infer"], conditions: {}, mode: "enforce", ...over });
const key = { id: "key_1", label: "ward", models: [] as string[], operations: [] as string[], ip_ranges: [], rate_limit: "", user_id: "usr_1", valid_until: null };
const request = { id: "arq_1", user_id: "usr_2", username: "w.zhao", display_name: "", model: "guard-nano", operations: ["infer"], purpose: "Nights", until: "2027-01-01T00:00:00.000Z", status: "open", created_at: "2026-11-22T00:00:00.000Z", decided_at: null, decided_by: null, reason: "", rule_id: null, model_known: true };
const person = { id: "usr_2", username: "w.zhao", display_name: "", role: "nurse", status: "active", kind: "person" };
const group = (rules: number) => ({ id: "grp_1", name: "ward", note: "", members: 1, rules, created_at: "2026-11-22T00:00:00.000Z", version: 1 });

let page: Mounted | null = null;
beforeEach(() => void vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(JSON.stringify({ items: [], next_cursor: null }), { headers: { "Content-Type": "application/json" } })));
afterEach(() => {
  page?.done();
  page = null;
  vi.restoreAllMocks();
});

/** Mounts with nothing asked, then has `open` done, and says whether the password is asked for. */
async function asked(component: Component, props: Record<string, unknown>, open: Record<string, unknown> | string): Promise<boolean> {
  const given = reactive({ ...props });
  page?.done();
  page = await mountFor(component, given, { routes: ["people", "rules"] });
  useSession().tiers = tiers;
  await nextTick();
  if (typeof open === "string") document.querySelector<HTMLElement>(`[data-test="${open}"]`)?.click();
  else Object.assign(given, open);
  await nextTick();
  await nextTick();
  expect(document.querySelector("[data-test=confirm]"), "a dialog is open").not.toBeNull();
  return document.querySelector("[data-test=confirm-password]") !== null;
}

describe("what lets people into a model asks for the password", () => {
  const review = (before: RuleText | null, after: RuleText | null, report = false) => asked(RuleReview, { modelValue: false, edits: [{ key: "ward", before, after }], ids: new Map(), report, busy: false, error: null, rehearsal: null, current: true, theirs: null, base: null }, { modelValue: true });
  it("in the review of changed rules, and not where they only close or report", async () => {
    expect(await review(null, rule())).toBe(true);
    expect(await review(rule({ effect: "deny" }), null)).toBe(true);
    expect(await review(rule(), null)).toBe(false);
    expect(await review(null, rule({ effect: "deny" }))).toBe(false);
    expect(await review(null, rule(), true)).toBe(false);
  });

  const undo = (before: RuleText | null, after: RuleText | null) => asked(VersionPage, { detail: { version: 3, actor: "alice", at: "2026-11-22T00:00:00.000Z", note: "", event_id: null, undoable: true, before: "", after: "", rules: [{ id: "ward", change: "changed", before, after }] }, undo: { pending: { value: false }, error: { value: null } }, readOnly: false }, "undo");
  it("where a version is taken back that closed something", async () => {
    expect(await undo(rule(), null)).toBe(true);
    expect(await undo(null, rule())).toBe(false);
  });

  it("where a request is approved, not where it is declined", async () => {
    expect(await asked(ApproveRequest, { request: null, busy: false, error: null }, { request })).toBe(true);
    expect(await asked(EndRequest, { request: null, busy: false, error: null }, { request })).toBe(false);
  });

  it("where somebody comes into or leaves a group, once the server says that this lets him in", async () => {
    let refused = true;
    vi.mocked(globalThis.fetch).mockImplementation(async (request) => {
      const taking = (request as Request).method === "DELETE";
      return new Response(taking && !refused ? null : JSON.stringify(taking ? { code: "confirmation_required" } : { items: [], next_cursor: null }), { status: taking ? (refused ? 403 : 204) : 200, headers: { "Content-Type": "application/json" } });
    });
    expect(await asked(GroupMembers, { group: group(1), people: [person], more: false }, "member-out")).toBe(false);
    const press = () => document.querySelector<HTMLElement>("[data-test=confirm]")?.closest("dialog")?.querySelector("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    press();
    await vi.waitFor(() => expect(document.querySelector("[data-test=confirm-password]")).not.toBeNull());
    refused = false;
    expect(await asked(GroupMembers, { group: group(1), people: [person], more: false }, "member-out")).toBe(false);
    press();
    await vi.waitFor(() => expect(document.querySelector("[data-test=confirm]")).toBeNull());
    expect(document.querySelector("[data-test=confirm-password]")).toBeNull();
  });

  it("where a key is made anew that may do all that an administrator may", async () => {
    expect(await asked(RotateKey, { old: null, role: "admin" }, { old: key })).toBe(true);
    expect(await asked(RotateKey, { old: null, role: "nurse" }, { old: key })).toBe(false);
    expect(await asked(RotateKey, { old: null, role: "admin" }, { old: { ...key, models: ["guard-nano"] } })).toBe(false);
  });
});
