import { describe, expect, it } from "vitest";
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
  createApp(host).use(i18n).mount(document.createElement("div"));
  return said;
}

describe("useErrorText", () => {
  it.each([
    ["en", "1", "A limit is reached", "Try again in 1 second."],
    ["en", "16", "A limit is reached", "Try again in 16 seconds."],
    ["en", "900", "A limit is reached", "Try again in 15 minutes."],
    ["en", "54900", "A limit is reached", "Try again in 16 hours."],
    ["zh-CN", "54900", "已达到限额", "请 16 小时后再试。"],
    ["zh-CN", "16", "已达到限额", "请 16 秒后再试。"],
    ["zh-CN", "900", "已达到限额", "请 15 分钟后再试。"],
  ] as const)("says in %s how long to wait where a limit is reached: %s s", (locale, after, title, wait) => {
    const said = read(locale, 429, { code: "rate_limited", detail: "Too many tries." }, { "Retry-After": after });
    expect(said.title).toBe(title);
    expect(said.detail).toContain(wait);
    expect(said.detail).not.toContain("Too many tries.");
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
