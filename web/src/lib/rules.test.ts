import { describe, expect, it } from "vitest";
import { dayRuns, formatHours, hoursProblem, parseHours } from "./ruleHours";
import { changedFields, concerns, matchesModel, proposeId, validId, withField, type RuleText } from "./rules";

const rule: RuleText = { id: "a", effect: "allow", principals: ["role:nurse"], models: ["guard-*"], operations: ["view"], conditions: { rate_limit: "100req/min", valid_until: "2026-12-31T16:00:00Z" }, mode: "enforce" };

describe("hours", () => {
  it("come back as they were written", () => {
    for (const text of ["Mon-Fri 08:00-18:00 Asia/Shanghai", "Mon,Wed,Fri-Sun 08:00-12:00,13:00-24:00 UTC", "Mon-Fri 08:00-18:00; Sat 09:00-12:00 Europe/Berlin", "Fri 22:00-06:00 America/Argentina/Ushuaia"]) {
      const read = parseHours(text);
      expect(read && formatHours(read), text).toBe(text);
    }
    expect(formatHours(parseHours("Sat-Mon 10:00-11:00 UTC") ?? { spans: [], zone: "" })).toBe("Mon,Sat-Sun 10:00-11:00 UTC");
  });
  it("are refused where the server refuses them", () => {
    for (const wrong of ["", "Mon 08:00-18:00", "Mon-Mon 08:00-18:00 UTC", "Mon 08:00-08:00 UTC", "Mon 24:00-08:00 UTC", "Mon 8:00-18:00 UTC", "Mon 08:00-25:00 UTC", "Mo 08:00-18:00 UTC", "Mon 08:00-18:00 Local", "Mon 08:00-18:00 asia/shanghai", "Mon  UTC", "; Mon 08:00-18:00 UTC"])
      expect(parseHours(wrong), wrong).toBeNull();
  });
  it("say what is missing while they are made", () => {
    const times = [{ from: "08:00", to: "18:00" }];
    expect(hoursProblem({ spans: [], zone: "UTC" })).toBe("days");
    expect(hoursProblem({ spans: [{ days: [], times }], zone: "UTC" })).toBe("days");
    expect(hoursProblem({ spans: [{ days: [0], times: [{ from: "08:00", to: "08:00" }] }], zone: "UTC" })).toBe("times");
    expect(hoursProblem({ spans: [{ days: [0], times }], zone: "Shanghai" })).toBe("zone");
    expect(hoursProblem({ spans: [{ days: [0], times }], zone: "UTC" })).toBe("");
    expect(dayRuns([6, 0, 1, 2, 4])).toEqual([[0, 2], [4, 4], [6, 6]]);
  });
});

describe("two rules", () => {
  it("differ in what they mean, not in how it is spelled", () => {
    expect(changedFields(rule, { ...rule, note: "", owner: "", principals: [...rule.principals], conditions: { rate_limit: "100/min", valid_until: "2027-01-01T00:00:00+08:00" } })).toEqual([]);
    expect(changedFields(rule, { ...rule, mode: undefined, operations: ["infer"], conditions: { valid_until: "2026-12-31T16:00:00Z", ip_ranges: ["10.0.0.0/8"] } })).toEqual(["operations", "ip_ranges", "rate_limit"]);
  });
  it("take a value and lose an empty condition", () => {
    expect(withField(rule, "rate_limit", "").conditions).toEqual({ valid_until: "2026-12-31T16:00:00Z" });
    expect(withField(withField(rule, "ip_ranges", ["10.0.0.0/8"]), "ip_ranges", []).conditions).toEqual(rule.conditions);
    expect(withField(rule, "note", "").note).toBe("");
    expect(rule.conditions?.rate_limit).toBe("100req/min");
  });
});

describe("a pattern", () => {
  it("stands for any run of characters, and nothing overlaps", () => {
    for (const [p, m] of [["*", "x"], ["guard-*", "guard-nano"], ["*-nano", "guard-nano"], ["g*r*-n*", "guard-nano"], ["a*a", "aa"], ["guard-nano", "guard-nano"], ["a**b", "ab"], ["*a*b*", "xaxbx"]] as const) expect(matchesModel(p, m), p + " " + m).toBe(true);
    for (const [p, m] of [["guard-*", "my-guard-nano"], ["a*a", "a"], ["ab*ba", "aba"], ["*a*a", "a"], ["guard", "guard-nano"], ["*b*a*", "ab"]] as const) expect(matchesModel(p, m), p + " " + m).toBe(false);
    expect(concerns(rule, "guard-nano")).toBe(true);
    expect(concerns({ ...rule, models: undefined }, "guard-nano")).toBe(false);
  });
});

describe("an id", () => {
  it("is made from the rule, is valid and is nobody else's", () => {
    expect(proposeId(rule, [])).toBe("allow-nurse-guard");
    expect(proposeId(rule, ["allow-nurse-guard", "allow-nurse-guard-2"])).toBe("allow-nurse-guard-3");
    expect(proposeId({ ...rule, principals: ["*"], models: ["*"] }, [])).toBe("allow-everyone");
    const odd = proposeId({ ...rule, principals: ["group:影像科"], models: ["x".repeat(64)] }, ["y"]);
    expect(validId(odd)).toBe(true);
    expect([validId("-a"), validId("a b"), validId(""), validId("a".repeat(65))]).toEqual([false, false, false, false]);
  });
});
