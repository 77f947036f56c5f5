import { describe, expect, it } from "vitest";
import { endsFirst, refusalOf, refusedName } from "./ruleRefusal";
import type { RuleText } from "./rules";

const rule = (over: Partial<RuleText>): RuleText => ({ id: "ward", effect: "allow", principals: ["role:nurse", "user:rob"], models: ["m"], operations: ["infer"], conditions: {}, ...over });

describe("what is refused of rules", () => {
  it.each([
    ["rules[1].principals[1]", "unprocessable", {}, ["principals", "user", "rob"]],
    ["rules[1].principals[0]", "unprocessable", {}, ["principals", "role", "nurse"]],
    ["rules[1].principals[1]", "invalid", {}, ["principals", "other", "rob"]],
    ["rules[1].principals", "invalid", {}, ["principals", "other", ""]],
    ["rules[1].conditions.hours", "invalid", { conditions: { hours: "Mon-Fri 08:00-18:00 Europe/Berlim" } }, ["hours", "zone", "Europe/Berlim"]],
    ["rules[1].conditions.valid_until", "invalid", { conditions: { valid_from: "2026-12-02T00:00:00Z", valid_until: "2026-12-01T00:00:00Z" } }, ["valid_until", "until", "00:00Z"]],
    ["rules[1].owner", "unprocessable", { owner: "user:kim" }, ["owner", "user", "kim"]],
  ] as const)("says the field and the value of %s, %s", (field, code, over, want) => {
    const found = refusalOf({ field, code }, [rule({ id: "other" }), rule(over as Partial<RuleText>)]);
    expect(found?.rule).toBe("ward");
    expect([found?.field, found?.text]).toEqual(want.slice(0, 2));
    if (found && found.text !== "until") expect(refusedName(found)).toBe(want[2]);
  });

  it.each(["principal", "rules[7].principals[0]", "rules[0].nothing", "", "note"])("leaves %j to whom it is about", (field) => {
    expect(refusalOf({ field, code: "invalid" }, [rule({})])).toBeNull();
  });

  it("knows what ends before it begins", () => {
    expect(endsFirst(rule({ conditions: { valid_from: "2026-12-02T00:00:00Z", valid_until: "2026-12-02T00:00:00Z" } }))).toBe(true);
    expect(endsFirst(rule({ conditions: { valid_from: "2026-12-01T00:00:00Z", valid_until: "2026-12-02T00:00:00Z" } }))).toBe(false);
    expect(endsFirst(rule({ conditions: { valid_until: "2020-12-02T00:00:00Z" } }))).toBe(false);
  });
});
