import { describe, expect, it } from "vitest";
import type { AuditEvent } from "@/api/types";
import { fromQuery, sameQuery, toQuery } from "./filters";
import { fits } from "./fits";
import { fromField, stripQuery, timeQuery, toField } from "./range";
import { actionsOf, daysOf } from "./timeline";

const event = (seq: number, at: Date, change: Partial<AuditEvent> = {}): AuditEvent => ({
  v: 1, id: "evt_" + seq, seq, at: at.toISOString(), actor: { type: "user", id: "usr_1", name: "wei" }, key_id: "", roles: ["nurse"], groups: [], purpose: "", operation: "", ip: "192.0.2.7", user_agent: "Firefox",
  action: "moderation.run", resource: "", model: "guard-nano", model_sha256: "", decision: "allow", reason: "", rule_id: "", policy_version: 1, request_id: "req_" + seq, content_hash: "", duration_ms: 1, details: {}, prev_hash: "", hash: "", ...change,
});

describe("time in the address", () => {
  const now = new Date(2026, 10, 21, 14, 2);
  const none = { range: "today", from: "", to: "" };
  it("asks from local midnight, and shows all of today", () => {
    expect(timeQuery(none, now)).toEqual({ from: new Date(2026, 10, 21).toISOString() });
    expect(stripQuery(none, now)).toEqual({ from: new Date(2026, 10, 21).toISOString(), to: new Date(2026, 10, 22).toISOString(), buckets: 48 });
    expect(stripQuery({ ...none, range: "all" }, now)).toEqual({ from: undefined, buckets: 56 });
  });
  it("takes own bounds before a name, and drops what is no moment", () => {
    expect(timeQuery({ range: "7d", from: "2026-11-01T00:00:00Z", to: "" }, now)).toEqual({ from: "2026-11-01T00:00:00.000Z", to: undefined });
    expect(timeQuery({ ...none, from: "yesterday", to: "" }, now)).toEqual({ from: undefined, to: undefined });
  });
  it("goes through a field and back", () => {
    const at = new Date(2026, 2, 3, 4, 5).toISOString();
    expect(toField(at)).toBe("2026-03-03 04:05");
    expect(fromField(toField(at))).toBe(at);
    expect([toField(""), toField("x"), fromField(" ")]).toEqual(["", "", ""]);
    expect(fromField("2026-3-3")).toBe(new Date(2026, 2, 3).toISOString());
    expect(["x", "2026-11-31 10:00", "2026-11-21 25:00", "21.11.2026", "2026-11-21 10"].map(fromField)).toEqual([null, null, null, null, null]);
  });
});

describe("saved queries", () => {
  it("are one whatever the order and the way of writing", () => {
    const query = toQuery({ decision: "deny", actor: "wei ming", range: "" });
    expect(query).toBe("actor=wei+ming&decision=deny");
    expect(sameQuery(query, "decision=deny&actor=wei%20ming")).toBe(true);
    expect(sameQuery(query, "decision=deny")).toBe(false);
    expect(fromQuery(query)).toEqual({ actor: "wei ming", decision: "deny" });
  });
});

describe("a row that came", () => {
  const e = event(7, new Date("2026-11-21T09:00:00Z"), { decision: "deny", reason: "role", key_id: "key_9" });
  it.each([
    [{}, true], [{ actor: "wei" }, true], [{ actor: "user:wei" }, true], [{ actor: "usr_1" }, true], [{ actor: "key_9" }, true], [{ actor: "key:key_9" }, true], [{ actor: "key:key_8" }, false], [{ actor: "we" }, false],
    [{ decision: "deny", model: "guard-nano", ip: "192.0.2.7", action: "moderation.run", request_id: "req_7" }, true], [{ decision: "allow" }, false], [{ ip: "192.0.2.8" }, false], [{ q: "GUARD" }, true], [{ q: "role" }, true], [{ q: "nurse" }, false],
    [{ q: "key_9" }, true], [{ q: "ey_" }, false], [{ q: e.id }, true], [{ q: "evt_" }, false], [{ q: "req_7" }, true], [{ q: "eq_7" }, false],
    [{ reason: "role", key: "key_9" }, true], [{ reason: "rol" }, false], [{ rule: "r" }, false], [{ purpose: "ward" }, false], [{ key: "key_8" }, false],
    [{ from: "2026-11-21T09:00:00Z" }, true], [{ to: "2026-11-21T09:00:00Z" }, false], [{ from: "2026-11-21T09:00:01Z" }, false],
  ])("%j: %s", (wanted, want) => expect(fits(e, wanted)).toBe(want));
});

describe("a person’s days", () => {
  const at = (day: number, h: number, m = 0) => new Date(2026, 10, day, h, m);
  const rows = [
    event(1, at(17, 8), { action: "auth.login" }), event(2, at(17, 8, 5)), event(3, at(17, 8, 20)),
    event(4, at(17, 11), {}), event(5, at(17, 11, 10), { decision: "deny", reason: "role" }),
    event(6, at(21, 9), { action: "auth.login" }), event(7, at(21, 9, 1)), event(8, at(21, 9, 2), { ip: "192.0.2.8" }), event(9, at(21, 9, 3), { ip: "192.0.2.8", action: "auth.login" }),
  ];
  it("part where half an hour passes, the place changes or somebody signs in", () => {
    const days = daysOf([...rows].reverse());
    expect(days.map((d) => [d.count, d.refused, d.quietDays, d.stretches.map((s) => s.events.map((e) => e.seq))])).toEqual([
      [4, 0, 3, [[6, 7], [8], [9]]],
      [5, 1, 0, [[1, 2, 3], [4, 5]]],
    ]);
    expect(days[1]?.stretches.map((s) => [s.quietMs / 60_000, s.refused])).toEqual([[0, 0], [160, 1]]);
  });
  it("part at midnight", () => {
    expect(daysOf([event(1, at(17, 23, 59)), event(2, at(18, 0, 1))])).toHaveLength(2);
  });
  it("count actions, most frequent first", () => {
    const [stretch] = daysOf(rows).at(-1)?.stretches ?? [];
    expect(stretch && actionsOf(stretch)).toEqual([{ action: "moderation.run", n: 2 }, { action: "auth.login", n: 1 }]);
  });
});
