import { afterEach, expect, it } from "vitest";
import type { ExportSchedule } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import ExportSchedules from "./ExportSchedules.vue";

let page: Mounted | null = null;
afterEach(() => page?.done());

const schedule = (more: Partial<ExportSchedule>): ExportSchedule => ({
  id: "exs_1", name: "archive", format: "jsonl", bom: false, filter: {}, every: "day", at: "02:30", created_at: "2026-11-21T09:00:00.000Z", created_by: "rita", next_at: "2026-11-23T02:30:00.000Z",
  retry_at: null, last_at: null, last_file: null, last_rows: 0, last_seq: 0, failures: 0, failed_at: null, failed_why: null, ...more,
});
async function row(language: "en" | "zh-CN", more: Partial<ExportSchedule>): Promise<HTMLElement | null> {
  page?.done();
  page = await mountFor(ExportSchedules, { state: { items: [schedule(more)], folder_problem: null }, adding: false, addError: null, removing: false, removeError: null, done: 0 }, { language });
  return page.host.querySelector<HTMLElement>("[data-test=schedule-archive]");
}
const only = (li: HTMLElement | null) => li?.querySelector<HTMLElement>("[data-test=schedule-filter]")?.textContent;

it("says in words which rows a schedule is for, where it is not for all", async () => {
  const filter = { reason: "rate_limited", decision: "deny", actor: "w.zhao" } as const;
  expect(only(await row("en", { filter }))).toBe("Only rows with Who: w.zhao; Decision: Refused; Reason: limit reached");
  expect(only(await row("zh-CN", { filter }))).toBe("仅导出以下记录：操作者为“w.zhao”，决定为“拒绝”，原因为“已达到限额”");
  expect(only(await row("en", {}))).toBeUndefined();
});

it("does not call a schedule that failed one that has not run", async () => {
  expect((await row("en", {}))?.textContent).toContain("It has not run yet.");
  const failed = await row("en", { failures: 3, failed_why: "disk_full", retry_at: "2026-11-22T17:00:00.000Z" });
  expect(failed?.textContent).toContain("The last 3 runs failed.");
  expect(failed?.textContent).not.toContain("It has not run yet.");
});
