import { describe, expect, it } from "vitest";
import { makeI18n } from "@/i18n";
import { merge } from "./merge";

const texts = (locale: "en" | "zh-CN") => makeI18n(locale).global;

describe("texts", () => {
  it("take the plural and the numbers of their language", () => {
    const en = texts("en").t;
    expect([0, 1, 2, 12345].map((n) => en("history.count", { n }))).toEqual(["no rows", "1 row", "2 rows", "12,345 rows"]);
    const zh = texts("zh-CN").t;
    expect([0, 1, 12345].map((n) => zh("history.count", { n }))).toEqual(["0 行", "1 行", "12,345 行"]);
    expect(zh("verdict.passes", { n: 1 })).toBe("一次推理");
  });

  it("keep a value as it came, braces and all, and leave a gap where one is missing", () => {
    expect(texts("en").t("palette.verdict", { id: "{n} <b>'x'</b>" })).toBe("Verdict {n} <b>'x'</b>");
    expect(texts("en").t("setup.done", {})).toContain(" is the administrator");
  });

  it("change with the language at once", () => {
    const { t, locale } = texts("en");
    expect(t("common.close")).toBe("Close");
    (locale as unknown as { value: string }).value = "zh-CN";
    expect(t("common.close")).toBe("关闭");
  });
});

describe("merge", () => {
  it("joins groups that are spread over files and leaves the files as they were", () => {
    const a = { page: { one: "1" } };
    expect(merge({ "a.json": a, "b.json": { page: { two: "2" }, x: "3" } })).toEqual({ page: { one: "1", two: "2" }, x: "3" });
    expect(a).toEqual({ page: { one: "1" } });
  });
});
