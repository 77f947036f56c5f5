import { afterEach, describe, expect, it } from "vitest";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import RuleNotes from "./RuleNotes.vue";

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
});
const rule = { id: "ward", effect: "allow", principals: ["role:nurse"], models: ["guard-nano"], operations: ["infer"], conditions: {}, mode: "enforce" };
const hits = () => ({
  rule_id: "ward", from: new Date(Date.now() - 14 * 86_400_000).toISOString(), to: new Date().toISOString(), rows: 9, cut: false, last_at: new Date(Date.now() - 3 * 3_600_000).toISOString(),
  decided: { allow: 2, deny: 0 }, would_have: { allow: 0, deny: 0 }, days: [], samples: [{ event_id: "evt_1" }],
});

describe("what a rule did", () => {
  it.each([["en", "it decided 2 requests. Last: 3 hours ago · newest row"], ["zh-CN", "最近一次：3 小时前 · 最新记录"]] as const)("is said in %s with its gaps", async (language, said) => {
    page = await mountFor(RuleNotes, { rule: { key: "ward", id: "ward", rule, before: rule, after: rule, edited: false }, about: null, findings: [], hits: hits(), original: "" }, { language, routes: ["audit"] });
    useSession().actions = ["audit.read"];
    await Promise.resolve();
    await new Promise((done) => setTimeout(done, 0));
    expect(page.host.textContent?.replace(/\s+/g, " ")).toContain(said);
  });
});
