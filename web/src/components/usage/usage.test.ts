import { afterEach, describe, expect, it } from "vitest";
import type { UsageCount } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import UsageCell from "./UsageCell.vue";

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
});
const count = (over: Partial<UsageCount>): UsageCount => ({ unit: "requests", used: 0, held: 0, limit: null, ...over });
async function show(line: UsageCount, language: "en" | "zh-CN" = "en"): Promise<string> {
  page = await mountFor(UsageCell, { line, span: "day", resets: "2026-11-23T00:00:00.000Z" }, { language });
  return page.host.textContent?.replace(/\s+/g, " ").trim() ?? "";
}

describe("UsageCell", () => {
  it("has a figure alone where nothing limits it", async () => {
    expect(await show(count({ used: 8570 }))).toBe("8,570 no limit");
    expect(page?.host.querySelector(".bar")).toBeNull();
  });

  it("counts what is under way as taken, and says what is left and until when", async () => {
    const text = await show(count({ used: 700, held: 20, limit: 1000 }));
    expect(text).toContain("700 of 1,000");
    expect(text).toContain("280 left");
    expect(text).toContain("20 under way");
    expect(page?.host.querySelector(".bar")?.getAttribute("aria-label")).toBe("Requests, Today: 720 of 1,000");
  });

  it("says in a word what the colour says: nearly spent, and spent with the time of the next", async () => {
    expect(await show(count({ used: 80, limit: 100 }))).toContain("Nearly spent");
    page?.done();
    const spent = await show(count({ used: 99, held: 1, limit: 100 }));
    expect(spent).toContain("Spent");
    expect(spent).toContain("again from");
    expect(spent).not.toContain("left");
    page?.done();
    expect(await show(count({ used: 0, limit: 0 }), "zh-CN")).toContain("已用完");
  });

  it("tells time as time", async () => {
    expect(await show(count({ unit: "compute_seconds", used: 12.34, limit: 7200 }))).toContain("12.3 s of 2 h");
  });
});
