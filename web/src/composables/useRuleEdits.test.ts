import { describe, expect, it } from "vitest";
import { shallowRef } from "vue";
import type { RuleText } from "@/lib/rules";
import { reapply, useRuleEdits } from "./useRuleEdits";
import type { Policy } from "./useRulePolicy";
import { asReports } from "./useRuleSave";

const rule = (id: string, over: Partial<RuleText> = {}): RuleText => ({ id, effect: "allow", principals: ["role:nurse"], models: ["guard-nano"], operations: ["view"], conditions: {}, mode: "enforce", note: "", owner: "", ...over });
const policy = (rules: RuleText[], version = 1): Policy => ({ rules, about: {}, version, changedAt: null, source: "database", default: "deny", etag: `"v${version}"` });

function making(rules: RuleText[]) {
  const now = shallowRef<Policy | null>(policy(rules));
  return { now, edits: useRuleEdits(now) };
}
const keys = (edits: ReturnType<typeof useRuleEdits>) => edits.edits.value.map((e) => e.key);

describe("changes of rules", () => {
  it("are none where the rule means the same, and none again when they are undone", () => {
    const { edits } = making([rule("a", { conditions: { rate_limit: "60req/min" } }), rule("b")]);
    edits.put("a", rule("a", { conditions: { rate_limit: "60/min" } }));
    expect(keys(edits)).toEqual([]);
    edits.put("a", rule("a", { conditions: { rate_limit: "90/min" } }));
    edits.remove("b");
    expect(keys(edits)).toEqual(["a", "b"]);
    expect(edits.proposed.value.map((r) => [r.id, r.conditions?.rate_limit])).toEqual([["a", "90/min"]]);
    edits.revert("b");
    edits.put("a", rule("a", { conditions: { rate_limit: "60req/min" } }));
    expect(keys(edits)).toEqual([]);
  });
  it("give a new rule an id of its own, also beside one that was typed", () => {
    const { edits } = making([rule("allow-nurse-guard-nano")]);
    const first = edits.add(rule("", { id: undefined }));
    edits.add(rule("", { id: undefined }));
    edits.add(rule("mine"));
    expect([...edits.ids.value.values()]).toEqual(["allow-nurse-guard-nano-2", "allow-nurse-guard-nano-3", "mine"]);
    expect(edits.proposed.value.map((r) => r.id).sort()).toEqual(["allow-nurse-guard-nano", "allow-nurse-guard-nano-2", "allow-nurse-guard-nano-3", "mine"]);
    edits.remove(first);
    expect(edits.edits.value).toHaveLength(2);
  });
  it("stay on the rules that they were made on while others come in", () => {
    const { now, edits } = making([rule("a")]);
    edits.put("a", rule("a", { note: "mine" }));
    now.value = policy([rule("a", { operations: ["view", "infer"] }), rule("c")], 2);
    expect(edits.base.value?.version).toBe(1);
    edits.discard();
    expect(edits.base.value?.version).toBe(2);
    expect(edits.shown.value.map((r) => r.id)).toEqual(["a", "c"]);
  });
  it("stand denials before allows", () => {
    const { edits } = making([rule("a"), rule("z", { effect: "deny" })]);
    expect(edits.shown.value.map((r) => r.id)).toEqual(["z", "a"]);
  });
});

describe("changes put on somebody else's", () => {
  it("keep what each changed, and mine where both did", () => {
    const before = rule("a", { note: "old", operations: ["view"] });
    const mine = rule("a", { note: "mine", operations: ["view"], conditions: { purpose: "required" } });
    const theirs = rule("a", { note: "theirs", operations: ["view", "infer"] });
    expect(reapply(before, mine, theirs)).toEqual(rule("a", { note: "mine", operations: ["view", "infer"], conditions: { purpose: "required" } }));
  });
  it("make a rule anew that they removed, forget a removal that they made too, and keep new ones", () => {
    const { edits } = making([rule("a"), rule("b"), rule("c")]);
    edits.put("a", rule("a", { note: "mine" }));
    edits.remove("b");
    edits.remove("c");
    edits.add(rule("new"));
    edits.rebase(policy([rule("c", { note: "theirs" })], 2));
    expect(edits.base.value?.etag).toBe('"v2"');
    expect(edits.proposed.value.map((r) => [r.id, r.note]).sort()).toEqual([["a", "mine"], ["new", ""]]);
    expect(edits.edits.value.find((e) => e.key === "c")).toMatchObject({ before: { note: "theirs" }, after: null });
    expect(edits.edits.value.some((e) => e.key === "b")).toBe(false);
  });
});

describe("changes that only report", () => {
  it("stand beside what is in force: new rules report, changed ones get a twin, and none goes", () => {
    const { edits } = making([rule("a"), rule("b"), rule("a-trial")]);
    edits.put("a", rule("a", { operations: ["*"] }));
    edits.remove("b");
    edits.add(rule("new", { effect: "deny" }));
    const out = asReports(edits.edits.value, edits.ids.value, edits.base.value?.rules ?? []);
    expect(out.map((r) => [r.id, r.mode, r.operations.join()])).toEqual([["a", "enforce", "view"], ["b", "enforce", "view"], ["a-trial", "enforce", "view"], ["a-trial-2", "report-only", "*"], ["new", "report-only", "view"]]);
  });
});
