import { describe, expect, it } from "vitest";
import { createPinia } from "pinia";
import { createApp, defineComponent } from "vue";
import { errorFrom } from "@/api/error";
import { makeI18n, messages } from "@/i18n";
import { useErrorText } from "./useErrorText";

const texts = messages.en.error as Record<string, { title: string }>;

type Locale = "en" | "zh-CN";

/** What a person reads for an answer of the server. */
function read(locale: Locale, status: number, body: unknown, headers: Record<string, string> = {}): { title: string; detail: string } {
  let said = { title: "", detail: "" };
  const host = defineComponent({
    setup() {
      said = useErrorText()(errorFrom(new Response(null, { status, headers }), body));
      return () => null;
    },
  });
  const i18n = makeI18n(locale);
  createApp(host).use(createPinia()).use(i18n).mount(document.createElement("div"));
  return said;
}

describe("useErrorText", () => {
  it.each([
    ["zh-CN", "conflict", "There is a target of that name already.", "已有同名目标。"],
    ["zh-CN", "conflict", "20 holds are in force. Release one first.", "生效的保全已达上限"],
    ["zh-CN", "unprocessable", "The folder for scheduled exports is not set or not safe: guardhouse doctor says why.", "定时导出的文件夹尚未设置或不安全"],
    ["zh-CN", "conflict", "Of a later release.", "服务器说明：Of a later release."],
    ["en", "conflict", "There is a target of that name already.", "The server says: There is a target of that name already."],
  ] as const)("says a refusal about the log's keeping in %s (%s): %s", (locale, code, detail, wanted) => {
    const said = read(locale, 409, { code, detail });
    expect(said.detail).toContain(wanted);
    if (!wanted.includes(detail)) expect(said.detail).not.toContain(detail);
  });

  it.each([
    ["en", "1", "Too many requests", "Try again in 1 second."],
    ["en", "16", "Too many requests", "Try again in 16 seconds."],
    ["en", "900", "Too many requests", "Try again in 15 minutes."],
    ["en", "54900", "Too many requests", "Try again in 16 hours."],
    ["zh-CN", "54900", "尝试次数过多", "请 16 小时后再试。"],
    ["zh-CN", "16", "尝试次数过多", "请 16 秒后再试。"],
    ["zh-CN", "900", "尝试次数过多", "请 15 分钟后再试。"],
  ] as const)("says in %s how long to wait after too many tries, which no limit refused: %s s", (locale, after, title, wait) => {
    const said = read(locale, 429, { code: "rate_limited", detail: "Too many tries." }, { "Retry-After": after });
    expect(said.title).toBe(title);
    expect(said.detail).toContain(wait);
    expect(said.detail).not.toContain("Too many tries.");
  });

  it.each([
    ["en", "limits.person_day_tokens", { unit: "tokens", span: "day", max: 60, left: 0 }, "The quota for today is used up", "0 of 60 tokens left, for all your sessions and keys (limits.person_day_tokens). There is room again from"],
    ["zh-CN", "limits.person_day_tokens", { unit: "tokens", span: "day", max: 60, left: 3 }, "今日剩余额度不足", "剩余 3，共 60 个词元：您的全部会话和密钥合计（limits.person_day_tokens）。"],
    ["en", "limits.key_month_compute_seconds", { unit: "compute_seconds", span: "month", max: 60, left: 0 }, "The quota for this month is used up", "60 s of compute time left, for this key"],
    ["en", "rule-desk", { max: 1, left: 0 }, "Requests come too fast", "The limit is 1 request in a row, for the model rule desk, for you (rule-desk)."],
    ["en", "limits.address", { max: 9, left: 0 }, "Requests come too fast", "The limit is 9 requests in a row, for everybody at your address"],
  ] as const)("says in %s which limit has no room: %s", (locale, name, limit, title, detail) => {
    const said = read(locale, 429, { code: "rate_limited", detail: "x", limit: { name, ...limit, until: "2099-01-02T00:00:00Z" } }, { "Retry-After": "54900" });
    expect(said.title).toBe(title);
    expect(said.detail).toContain(detail);
    expect(said.detail).toMatch(/[12] Jan /);
  });

  it("tells nobody to wait where waiting does not help", () => {
    const said = read("en", 429, { code: "rate_limited", detail: "x", limit: { name: "limits.person", max: 6, left: 6 } });
    expect(said).toEqual({ title: "More at once than the limit ever lets through", detail: "The limit is 6 requests in a row, for all your sessions and keys (limits.person). Waiting does not help: ask for less at once." });
  });

  it.each([
    [409, "conflict", "Somebody was first", "已有人先行处理"],
    [412, "precondition_failed", "Somebody else changed this meanwhile", "他人已在此期间修改"],
    [405, "method_not_allowed", "This cannot be done here", "此处不能这样操作"],
    [403, "forbidden", "You may not do this", "您没有执行此操作的权限"],
  ] as const)("has words for %i %s, with a body and without", (status, code, english, chinese) => {
    for (const body of [{ code, detail: "" }, undefined]) {
      expect(read("en", status, body).title).toBe(english);
      expect(read("zh-CN", status, body).title).toBe(chinese);
    }
  });

  it("finds the words of every code in the catalogue, and of a newer server's code the general ones", () => {
    const codes = Object.keys(texts).filter((key) => typeof texts[key] === "object");
    for (const code of codes) expect(read("en", 400, { code, detail: "" }).title, code).toBe(texts[code]?.title);
    expect(read("en", 500, { code: "of a newer server", detail: "x" }).title).toBe(texts.internal?.title);
  });

  it("adds what the server says where it names the thing in the way", () => {
    expect(read("en", 409, { code: "conflict", detail: "The last admin stays." }).detail).toContain("The last admin stays.");
    expect(read("zh-CN", 409, { code: "conflict", detail: "The last admin stays." }).detail).toContain("服务器说明：The last admin stays.");
  });
});
