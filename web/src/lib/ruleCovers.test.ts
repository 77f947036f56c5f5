import { describe, expect, it } from "vitest";
import { coveredBy } from "./ruleCovers";
import type { RuleText } from "./rules";

const rule = (id: string, over: Partial<RuleText> = {}): RuleText => ({ id, effect: "allow", principals: ["*"], models: ["guard-*"], operations: ["*"], conditions: {}, mode: "enforce", ...over });
const gus = (over: Partial<RuleText> = {}) => rule("gus", { principals: ["user:gus"], models: ["guard-nano"], operations: ["view", "infer"], ...over });

describe("a rule that changes nothing", () => {
  it.each([
    ["one person under everyone", rule("all"), gus(), "all"],
    ["with a rate of its own", rule("all"), gus({ conditions: { rate_limit: "3/min" } }), "all"],
    ["a deny under a deny for everyone", rule("all", { effect: "deny" }), gus({ effect: "deny" }), "all"],
    ["beside one for some addresses", rule("all", { conditions: { ip_ranges: ["10.0.0.0/8"] } }), gus(), ""],
    ["beside one that only reports", rule("all", { mode: "report-only" }), gus(), ""],
    ["only reporting itself", rule("all"), gus({ mode: "report-only" }), ""],
    ["a deny beside an allow", rule("all"), gus({ effect: "deny" }), ""],
    ["another model", rule("all"), gus({ models: ["guard-nano", "chat"] }), ""],
    ["a pattern beside a narrower one", rule("all"), gus({ models: ["*"] }), ""],
    ["another operation", rule("all", { operations: ["view"] }), gus(), ""],
    ["everyone beside one person", gus(), rule("all", { models: ["guard-nano"], operations: ["view"] }), ""],
    ["a key, which is narrowed", rule("all"), gus({ principals: ["key:key_1"] }), ""],
  ] as const)("%s", (_, other, own, want) => {
    expect(coveredBy(own, own.id ?? "", [own, other])).toBe(want);
  });
});
