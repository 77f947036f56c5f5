import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { createApp, defineComponent } from "vue";
import type { Explanation, ExplainStep, WayToPass } from "@/api/types";
import { makeI18n } from "@/i18n";
import { usePrefs } from "@/stores/prefs";
import { useExplainTexts } from "./useExplainTexts";

beforeEach(() => setActivePinia(createPinia()));

/** What is said of a refusal: why, and the step of the role. */
function said(locale: "en" | "zh-CN", reason: string, limit: string | null = null): string[] {
  const step: ExplainStep = { name: "role", outcome: "fail", rule_id: null, rules: 0, allows: 0, denies: 0, role: "nurse", action: "moderation.run" };
  const answer = { decision: "deny", status: 401, reason, limit, failing_condition: null, rule_id: null, considered: [], steps: [step], model: "guard-nano", at: "2026-11-22T08:00:00.000Z" } as unknown as Explanation;
  return texts(locale, (of) => [of.why(answer), of.step(step, answer), of.stepNote(step, answer)]);
}

/** What is made of the texts in a language. */
function texts<T>(locale: "en" | "zh-CN", make: (of: ReturnType<typeof useExplainTexts>) => T): T {
  let out: T | undefined;
  usePrefs().language = locale;
  const host = defineComponent({ setup: () => ((out = make(useExplainTexts())), () => null) });
  createApp(host).use(makeI18n(locale)).mount(document.createElement("div"));
  return out as T;
}
/** An allow of ward for some addresses, in hours of Berlin, one of which failed at 08:00 UTC. */
function nearest(condition: "hours" | "ip_ranges"): Explanation {
  const conditions = [{ name: "ip_ranges", holds: condition !== "ip_ranges", value: "10.0.0.0/8", would_pass: null, next_at: null }, { name: "hours", holds: condition !== "hours", value: "Mon-Fri 08:00-18:00 Europe/Berlin", would_pass: null, next_at: null }];
  return { decision: "deny", status: 403, reason: "condition_" + condition, failing_condition: condition, rule_id: null, considered: [{ rule_id: "ward", effect: "allow", mode: "enforce", principal: true, key_only: false, holds: false, why: "", would_pass: null, conditions }], steps: [], model: "m", at: "2026-11-22T08:00:00.000Z" } as unknown as Explanation;
}

describe("an explanation in words", () => {
  it.each([
    ["en", "Nearest rule ward: Sunday 09:00 Berlin time is outside its hours.", "from Monday 23 November, 08:00 Berlin time"],
    ["zh-CN", "最接近的规则 ward：星期日 09:00（柏林时间）不在允许时段内。", "11 月 23 日 星期一 08:00（柏林时间）起"],
  ] as const)("tells the time in the rule's zone in %s", (locale, why, way) => {
    expect(texts(locale, (of) => of.why(nearest("hours")))).toBe(why);
    const w = { kind: "conditions", rule_id: "ward", text: "", at: "2026-11-23T07:00:00.000Z", ip: null, purpose: false } as unknown as WayToPass;
    expect(texts(locale, (of) => of.way(w, nearest("hours"))).replace(/\s+/g, " ")).toBe(way);
  });

  it("says that no rule matches where none does", () => {
    const of = (rules: number, allows: number) => texts("en", (x) => x.step({ name: "matched", outcome: "note", rule_id: null, rules, allows, denies: 0, role: "", action: "" }, nearest("hours")));
    expect([of(0, 0), of(3, 0), of(3, 2)]).toEqual(["There are no rules on it", "None of 3 rules matches", "2 of 3 rules match"]);
  });

  it("does not call an address outside that was not given", () => {
    expect(texts("en", (of) => of.why(nearest("ip_ranges"), false))).toBe("Nearest rule ward: it is for some addresses only, and the question gives none.");
    expect(texts("en", (of) => of.why(nearest("ip_ranges"), true))).toBe("Nearest rule ward: the address is outside its ranges.");
    expect(texts("zh-CN", (of) => of.why(nearest("ip_ranges"), false))).toContain("提问未给出地址");
  });

  it.each([
    ["en", "account_disabled", "The account is not active, so nobody can come as it.", "Nobody can come as this account or key"],
    ["zh-CN", "key_ended", "该密钥已失效或已停用。", "无法以该账户或密钥的身份访问"],
  ] as const)("blames no role in %s where it is %s", (locale, reason, why, step) => {
    expect(said(locale, reason)).toEqual([why, step, ""]);
  });

  it("blames the role where it lacks the action", () => {
    expect(said("en", "role")).toEqual(["The role does not have the action.", "The role lacks the action", "nurse → moderation.run"]);
  });

  it.each([
    ["en", "limits.person_day_tokens", "The quota limits.person_day_tokens has no room today; it starts again at midnight UTC."],
    ["zh-CN", "limits.key_month_requests", "本月额度 limits.key_month_requests 不足，下月首日 UTC 零点起恢复。"],
    ["en", "rule-desk", "The rate rule-desk has no room at the moment."],
  ] as const)("names in %s the limit that has no room: %s", (locale, limit, why) => {
    expect(said(locale, "rate_limited", limit)[0]).toBe(why);
  });
});
