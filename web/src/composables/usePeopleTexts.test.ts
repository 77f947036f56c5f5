import { expect, it } from "vitest";
import type { Role } from "@/api/types";
import { mountFor } from "@/lib/mountFor";
import { usePeopleTexts } from "./usePeopleTexts";

// A role that came with the product has no text in the database: the page has one, until somebody writes his own.
it("says what a role is for in the page's language", async () => {
  let texts: ReturnType<typeof usePeopleTexts> | null = null;
  const { done } = await mountFor({ setup: () => ((texts = usePeopleTexts()), () => null) }, {}, { language: "zh-CN" });
  const purpose = (name: string, description: string, builtin: boolean) => texts?.purpose({ name, description, builtin } as Role);
  expect(purpose("nurse", "", true)).toBe("查看已完成的报告。");
  expect(purpose("nurse", "Night shift", true)).toBe("Night shift");
  expect(purpose("nurse", "", false)).toBe("");
  expect(purpose("night", "", true)).toBe("");
  done();
});
