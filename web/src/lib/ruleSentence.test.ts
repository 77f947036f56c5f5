import { describe, expect, it } from "vitest";
import { makeI18n } from "@/i18n";
import { ruleSentence, sentenceText, type SentenceOptions } from "./ruleSentence";
import { ruleWords } from "./ruleWords";
import type { RuleText } from "./rules";

function words(locale: "en" | "zh-CN") {
  const { t, te } = makeI18n(locale).global;
  return ruleWords({ t: (key, values) => t(key, values ?? {}), te: (key) => te(key), locale, keyName: (id) => (id === "01J" ? "pacs-bridge" : undefined) });
}
const say = (rule: RuleText, locale: "en" | "zh-CN", options?: SentenceOptions) => sentenceText(ruleSentence(rule, words(locale), options));

const whole: RuleText = {
  id: "ct-reading-room", effect: "allow", principals: ["role:radiologist", "user:w.zhao"], models: ["qwen3-vl-4b"], operations: ["view", "infer"],
  conditions: { ip_ranges: ["10.20.0.0/16"], hours: "Mon-Fri 07:00-20:00 Asia/Shanghai", rate_limit: "60req/min", valid_until: new Date(2026, 11, 31, 23, 59).toISOString(), purpose: "required" }, mode: "enforce",
};
const every: RuleText = { effect: "deny", principals: ["*"], models: ["*"], operations: ["*"], conditions: { ip_ranges: ["10.99.0.0/16"] } };

describe("the sentence of a rule", () => {
  it("says every condition, as a native writes it", () => {
    expect(say(whole, "en")).toBe("Allow radiologists and w.zhao to view and infer with qwen3-vl-4b from 10.20.0.0/16, Monday to Friday 07:00–20:00 Shanghai time, at most 60 requests a minute each, until 31 December 2026, if they state a purpose.");
    expect(say(whole, "zh-CN")).toBe("允许放射科医师和 w.zhao 从 10.20.0.0/16 查看并推理 qwen3-vl-4b；限周一至周五 7:00–20:00（上海时间），每人每分钟不超过 60 次，有效期至 2026 年 12 月 31 日，须注明用途。");
  });
  it("says denials, every operation and every model", () => {
    expect(say(every, "en")).toBe("Deny everyone every operation with every model from 10.99.0.0/16.");
    expect(say(every, "zh-CN")).toBe("拒绝所有人从 10.99.0.0/16 对所有模型进行任何操作。");
    const nurses: RuleText = { ...every, principals: ["role:nurse", "group:on-call", "key:01J"], operations: ["infer"], models: ["qwen3guard-*"], conditions: { hours: "Sat,Sun 00:00-24:00 UTC" } };
    expect(say(nurses, "en")).toBe("Deny nurses, group on-call and key pacs-bridge the right to infer with qwen3guard-*, Saturday and Sunday 00:00–24:00 UTC.");
    expect(say(nurses, "zh-CN")).toBe("拒绝护士、on-call 组和密钥 pacs-bridge 推理 qwen3guard-*；仅在周六和周日 0:00–24:00（UTC）。");
  });
  it("is short in a list, and leaves the model out where it stands above", () => {
    expect(say(whole, "en", { short: true, model: "qwen3-vl-4b" })).toBe("Allow radiologists and w.zhao to view and infer from 10.20.0.0/16, Mon–Fri 07:00–20:00, at most 60 requests a minute each, until 31 December 2026, if they state a purpose.");
    expect(say(every, "en", { short: true, model: "qwen3-vl-4b" })).toContain("every model");
  });
  it("counts what is too long to list, and never says nothing for an empty list", () => {
    const many = { ...whole, principals: ["user:a", "user:b", "user:c", "user:d", "user:e", "user:f"], conditions: {} };
    expect(say(many, "en")).toBe("Allow a, b, c and 3 more to view and infer with qwen3-vl-4b.");
    expect(say({ ...many, principals: [], operations: [], models: [] }, "en")).toBe("Allow nobody to do nothing with no model.");
  });
  it("says that a rule only reports", () => {
    expect(say({ ...every, mode: "report-only" }, "en")).toMatch(/from 10\.99\.0\.0\/16\. It only reports\.$/);
  });
  it("shows what it cannot read as it stands, and takes no value for a text", () => {
    const odd: RuleText = { ...whole, principals: ["user:{who} <b>'x'</b>"], conditions: { hours: "whenever", rate_limit: "60/fortnight", valid_until: "soon" } };
    expect(say(odd, "en")).toBe("Allow {who} <b>'x'</b> to view and infer with qwen3-vl-4b, whenever, at most 60/fortnight each, until soon.");
  });
});

describe("the pieces", () => {
  it("lead to their fields and mark what has changed", () => {
    const before: RuleText = { ...whole, principals: ["role:radiologist"], conditions: { ...whole.conditions, hours: "Mon-Fri 08:00-18:00 Asia/Shanghai", rate_limit: "60/min" } };
    const pieces = ruleSentence(whole, words("en"), { before }).filter((p) => p.field);
    expect(pieces.map((p) => p.field)).toEqual(["effect", "principals", "principals", "operations", "operations", "models", "ip_ranges", "hours", "rate_limit", "valid_until", "purpose"]);
    expect(pieces.filter((p) => p.changed).map((p) => p.text)).toEqual(["w.zhao", "Monday to Friday 07:00–20:00"]);
    expect(pieces[0]?.effect).toBe("allow");
  });
  it("are all marked where a value only went", () => {
    const before: RuleText = { ...whole, operations: ["view", "infer", "train"] };
    expect(ruleSentence(whole, words("en"), { before }).filter((p) => p.changed).map((p) => p.text)).toEqual(["view", "infer"]);
  });
});
