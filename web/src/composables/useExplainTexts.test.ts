import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { createApp, defineComponent } from "vue";
import type { Explanation, ExplainStep } from "@/api/types";
import { makeI18n } from "@/i18n";
import { useExplainTexts } from "./useExplainTexts";

beforeEach(() => setActivePinia(createPinia()));

/** What is said of a refusal: why, and the step of the role. */
function said(locale: "en" | "zh-CN", reason: string, limit: string | null = null): string[] {
  const step: ExplainStep = { name: "role", outcome: "fail", rule_id: null, rules: 0, allows: 0, denies: 0, role: "nurse", action: "moderation.run" };
  const answer = { decision: "deny", status: 401, reason, limit, failing_condition: null, rule_id: null, considered: [], steps: [step], model: "guard-nano", at: "2026-11-22T08:00:00.000Z" } as unknown as Explanation;
  const out: string[] = [];
  const host = defineComponent({
    setup() {
      const texts = useExplainTexts();
      out.push(texts.why(answer), texts.step(step, answer), texts.stepNote(step, answer));
      return () => null;
    },
  });
  createApp(host).use(makeI18n(locale)).mount(document.createElement("div"));
  return out;
}

describe("an explanation in words", () => {
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
    ["en", "limits.person_day_tokens", "The quota limits.person_day_tokens has no room today; it begins anew at midnight UTC."],
    ["zh-CN", "limits.key_month_requests", "本月额度 limits.key_month_requests 不足，下月首日 UTC 零点起恢复。"],
    ["en", "rule-desk", "The rate rule-desk has no room at the moment."],
  ] as const)("names in %s the limit that has no room: %s", (locale, limit, why) => {
    expect(said(locale, "rate_limited", limit)[0]).toBe(why);
  });
});
