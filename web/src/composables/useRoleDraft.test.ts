import { afterEach, describe, expect, it, vi } from "vitest";
import { ref } from "vue";
import type { Role } from "@/api/types";
import { useRoleDraft } from "./useRoleDraft";

const all = ["model.view", "chat.run", "user.manage"];
const role = (name: string, actions: string[], version = 1, users = 2): Role => ({
  name, description: "", builtin: true, actions, users, version, created_at: "2026-11-21T09:00:00.000Z", updated_at: "2026-11-21T09:00:00.000Z",
  cells: all.map((action) => ({ action, allowed: actions.includes(action), keeps: false, source: "shipped", changed_at: null, changed_by: null, event_id: null })),
});

const answers = (list: [number, unknown][]) => {
  const sent: { url: string; method: string; tag: string | null; body: unknown }[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    sent.push({ url: new URL(request.url).pathname, method: request.method, tag: request.headers.get("If-Match"), body: request.method === "PUT" ? await request.json() : null });
    const [status, body] = list.shift() ?? [500, {}];
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  });
  return sent;
};
afterEach(() => vi.unstubAllGlobals());

describe("the draft of the matrix", () => {
  it("counts what differs, and nothing that was taken back or became true by itself", () => {
    const roles = ref([role("nurse", ["model.view"]), role("guest", [], 1, 3)]);
    const draft = useRoleDraft(roles);
    draft.toggle("nurse", "chat.run");
    draft.toggle("nurse", "model.view");
    draft.toggle("guest", "model.view");
    expect(draft.changes.value).toEqual([
      { role: "nurse", action: "model.view", give: false }, { role: "nurse", action: "chat.run", give: true }, { role: "guest", action: "model.view", give: true },
    ]);
    expect(draft.people.value).toBe(5);
    expect([draft.holds("nurse", "model.view"), draft.holds("nurse", "chat.run"), draft.holds("guest", "chat.run")]).toEqual([false, true, false]);
    draft.toggle("nurse", "model.view");
    expect(draft.changed("nurse", "model.view")).toBeUndefined();
    roles.value = [role("nurse", ["model.view", "chat.run"], 2), role("guest", [], 1, 3)];
    expect(draft.changes.value).toEqual([{ role: "guest", action: "model.view", give: true }]);
    expect(draft.people.value).toBe(3);
  });

  it("saves each role whole, naming the version that was seen", async () => {
    const draft = useRoleDraft(ref([role("nurse", ["model.view"], 7), role("guest", [])]));
    draft.toggle("nurse", "chat.run");
    draft.toggle("guest", "model.view");
    const sent = answers([[200, role("nurse", ["model.view", "chat.run"], 8)], [200, role("guest", ["model.view"], 2)]]);
    expect(await draft.save()).toBe(2);
    expect(sent).toEqual([
      { url: "/api/v1/roles/nurse", method: "PUT", tag: '"v7"', body: { actions: ["model.view", "chat.run"] } },
      { url: "/api/v1/roles/guest", method: "PUT", tag: '"v1"', body: { actions: ["model.view"] } },
    ]);
    expect(draft.changes.value).toEqual([]);
  });

  it("is over for a role that is stored and not in force yet, and goes on with the next", async () => {
    const draft = useRoleDraft(ref([role("nurse", ["model.view"], 7), role("guest", [])]));
    draft.toggle("nurse", "chat.run");
    draft.toggle("guest", "model.view");
    answers([[503, { code: "not_in_force" }], [200, role("guest", ["model.view"], 2)]]);
    expect(await draft.save()).toBe(2);
    expect(draft.changes.value).toEqual([]);
    expect(draft.error.value).toBeNull();
  });

  it("shows what somebody else did, and goes on from there", async () => {
    const roles = ref([role("nurse", ["model.view"], 1)]);
    const draft = useRoleDraft(roles);
    draft.toggle("nurse", "chat.run");
    const after = role("nurse", ["model.view", "user.manage"], 2);
    const sent = answers([[412, { code: "precondition_failed" }], [200, after], [200, role("nurse", all, 3)]]);
    expect(await draft.save()).toBe(0);
    expect(draft.met.value).toEqual({ before: role("nurse", ["model.view"], 1), after });
    expect(draft.error.value?.status).toBe(412);
    roles.value = [after];
    expect(await draft.save()).toBe(1);
    expect(sent.at(-1)).toEqual({ url: "/api/v1/roles/nurse", method: "PUT", tag: '"v2"', body: { actions: all } });
    expect(draft.met.value).toBeNull();
  });

  it("stops at a refusal and keeps what was not saved", async () => {
    const draft = useRoleDraft(ref([role("nurse", []), role("guest", [])]));
    draft.toggle("nurse", "chat.run");
    draft.toggle("guest", "chat.run");
    answers([[200, role("nurse", ["chat.run"], 2)], [403, { code: "confirmation_required" }]]);
    expect(await draft.save()).toBe(1);
    expect(draft.error.value?.code).toBe("confirmation_required");
    expect(draft.changes.value).toEqual([{ role: "guest", action: "chat.run", give: true }]);
    draft.discard();
    expect(draft.changes.value).toEqual([]);
  });
});
