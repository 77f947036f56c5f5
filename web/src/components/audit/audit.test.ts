import { createPinia, setActivePinia, type Pinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { createApp, h, nextTick, type Component } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";
import type { AuditEvent } from "@/api/types";
import { makeI18n } from "@/i18n";
import { severityOf } from "@/composables/useAuditTexts";
import { useChain } from "@/stores/chain";
import AuditTable from "./AuditTable.vue";
import ChainState from "./ChainState.vue";

const event = (seq: number, change: Partial<AuditEvent> = {}): AuditEvent => ({
  v: 1, id: "evt_" + seq, seq, at: "2026-11-21T09:00:00.000Z", actor: { type: "user", id: "usr_1", name: "m.chen" }, key_id: "", roles: ["admin"], groups: [], purpose: "", operation: "", ip: "127.0.0.1", user_agent: "", action: "auth.logout",
  resource: "", model: "", model_sha256: "", decision: "allow", reason: "", rule_id: "", policy_version: 1, request_id: "req_1", content_hash: "", duration_ms: 1, details: {}, prev_hash: "h" + (seq - 1), hash: "h" + seq, ...change,
});

let pinia: Pinia;
beforeEach(() => {
  pinia = createPinia();
  setActivePinia(pinia);
});

function mount(component: Component, props: Record<string, unknown>): HTMLElement {
  const host = document.createElement("div");
  const page = { render: () => null };
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/", component: page }] });
  createApp({ render: () => h(component, props) }).use(pinia).use(makeI18n("en")).use(router).mount(host);
  return host;
}

describe("AuditTable", () => {
  it("says where a row is missing and where the chain does not join", () => {
    const host = mount(AuditTable, { events: [event(9), event(7), event(6, { hash: "forged" })], selected: "", filtered: false });
    const holes = [...host.querySelectorAll(".hole")].map((e) => e.textContent?.trim());
    expect(holes).toEqual(["Row 8 is missing", "This row does not hold the hash of row 6"]);
  });

  it("takes rows left out by a filter for no hole", () => {
    const host = mount(AuditTable, { events: [event(9), event(2)], selected: "", filtered: true });
    expect(host.querySelector(".hole")).toBeNull();
    expect(host.querySelector("td.skipped")).not.toBeNull();
  });

  it("tells rows of one minute apart, and calls no alert allowed", () => {
    const host = mount(AuditTable, { events: [event(2, { at: "2020-11-21T09:00:07.000Z" }), event(1, { at: "2020-11-21T09:00:05.000Z", action: "alert.raise", reason: "chain_broken", actor: { type: "system", id: "", name: "server" } })], selected: "", filtered: false });
    expect([...host.querySelectorAll("time")].map((e) => e.textContent?.slice(-3))).toEqual([":07", ":05"]);
    expect([...host.querySelectorAll("tbody tr")].map((e) => e.textContent?.includes("Allowed"))).toEqual([true, false]);
  });

  // threat W1
  it("shows names, actions and reasons as text", () => {
    const hostile = "<img src=x onerror=alert(1)>";
    const host = mount(AuditTable, { events: [event(1, { actor: { type: "user", id: "u", name: hostile }, action: hostile, model: hostile, decision: "deny", reason: hostile })], selected: "", filtered: false });
    expect(host.querySelector("img")).toBeNull();
    expect(host.textContent).toContain(hostile);
  });
});

describe("severityOf", () => {
  it("answers the gravest of several: block before review before allow", () => {
    const items = [{ severity: "Safe", action: "allow" }, { severity: "Safe", action: "review" }, { severity: "Controversial", action: "block" }];
    expect(severityOf(event(1, { details: { items: 3, verdicts: items } }))).toMatchObject({ severity: "Controversial", action: "block", count: 3 });
    expect(severityOf(event(1, { details: { items: 2, verdicts: items.slice(0, 2) } }))).toMatchObject({ action: "review" });
    expect(severityOf(event(1, { details: { items: 3 } }))).toBeNull();
    expect(severityOf(event(1, { details: { items: 3, verdicts: [{ severity: "Harmless" }, null, "x"] } }))).toBeNull();
  });
});

describe("ChainState", () => {
  const head = { seq: 12, hash: "h12", at: "2026-11-21T09:00:00.000Z" };
  const verified = { checked_at: "2026-11-21T09:00:00.000Z", duration_ms: 1.5, rows: 10, first: 1, last: 10, checkpoints: 0, copies: 0, tombstones: 0, removed: 0, keys_from: "database", finding: "", finding_seq: null, detail: "", not_provable: ["a cut of the last rows"] };

  it("calls the chain whole only after a walk, and counts what came since", async () => {
    const chain = useChain();
    chain.chain = { head, verified: null };
    const host = mount(ChainState, {});
    expect(host.textContent).toContain("12 rows. Not checked since the server started.");
    expect(host.textContent).not.toContain("none missing");
    chain.chain = { head, verified };
    await nextTick();
    expect(host.textContent).toContain("10 rows, none missing.");
    expect(host.textContent).toContain("2 rows since.");
    expect(host.textContent).toContain("1 thing cannot be proved");
  });

  it("says what is wrong", async () => {
    const chain = useChain();
    chain.chain = { head, verified: { ...verified, finding: "edited", finding_seq: 4, detail: "row 4 does not have the hash that it was written with" } };
    expect(chain.state).toBe("broken");
    const host = mount(ChainState, {});
    expect(host.textContent).toContain("a row was edited");
    expect(host.textContent).toContain("row 4 does not have the hash");
  });
});
