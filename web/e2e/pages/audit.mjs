// The audit log: the list, one event, and the chain.
import assert from "node:assert/strict";
import { broken, fail } from "../texts.mjs";

async function openEvent(page) {
  await page.locator("tbody .open").nth(2).click();
  await page.locator("[data-test=recomputed][data-result=equal]").waitFor();
}

export const pages = [
  { name: "audit", path: "/audit", as: "admin", ready: "tbody tr .open" },
  { name: "audit-event", path: "/audit", as: "admin", ready: "tbody tr .open", prepare: openEvent },
];

export const walks = [
  {
    name: "audit-verify-and-filter",
    async run(page, ctx) {
      await ctx.go("/audit", "[data-test=verify]");
      await page.locator("[data-test=verify]").click();
      await page.locator("[data-test=watch] .lamp:not(.ring)").waitFor();
      await page.locator("[data-test=filter-decision]").selectOption("deny");
      await page.waitForURL("**decision=deny*");
      await page.locator("tbody tr .node.deny").first().waitFor();
      await ctx.go("/audit", "tbody .open");
      await openEvent(page);
      await page.locator("[data-test=event-json]").click();
      await page.locator("[data-test=event-next]").click();
      await page.keyboard.press("Escape");
    },
  },
  {
    name: "audit-errors",
    async run(page, ctx) {
      ctx.expect(503, "/api/v1/");
      await page.route("**/api/v1/audit/events?*", fail);
      await ctx.go("/audit", "[data-test=error]");
      assert.ok((await page.locator("[data-test=error]").first().textContent()).includes(broken.request_id));
      await ctx.seen("state-error");
      await page.unroute("**/api/v1/audit/events?*", fail);
      await page.locator("[data-test=error] button").first().click();
      await page.locator("tbody tr").first().waitFor();
      await ctx.go("/audit?actor=nobody.of.that.name", "[data-test=clear-filters]");
      await ctx.seen("state-filtered-empty");
      await page.locator("[data-test=clear-filters]").click();
      await page.locator("tbody tr").first().waitFor();
    },
  },
];
