// Past verdicts: filters in the address, one opened beside the list.
import * as step from "../steps.mjs";

const rows = "tbody tr [data-row]";

export const pages = [
  { name: "history", path: "/history", as: "admin", ready: rows },
  {
    name: "history-verdict",
    path: "/history",
    as: "admin",
    ready: rows,
    async prepare(page) {
      await page.locator("tbody .open").first().click();
      await page.locator("aside [data-test=verdict]").waitFor();
    },
  },
];

export const walks = [
  {
    name: "history-filter",
    async run(page, ctx) {
      const [, verdict] = ctx.house.verdicts;
      await ctx.go("/history", rows);
      await page.locator("[data-test=filter-severity]").selectOption(verdict.severity);
      await page.waitForURL("**severity=*");
      await page.locator(`[data-row="${verdict.id}"]`).click();
      await page.locator("[data-test=verdict]").waitFor();
      await ctx.go("/history/" + verdict.id, "[data-test=audit-link]");
      await step.openAuditOf(page, verdict);
    },
  },
  {
    name: "history-unknown",
    async run(page, ctx) {
      ctx.expect(404, "/api/v1/moderations/");
      await ctx.go("/history/mod_00000000000000000000000000", "aside [data-test=error]");
    },
  },
];
