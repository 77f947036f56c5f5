// Overview and System: what an administrator sees first, with real figures.
import assert from "node:assert/strict";

export const pages = [
  { name: "overview", path: "/overview", as: "admin", ready: "[data-test=today]" },
  { name: "system", path: "/system", as: "admin", ready: "[data-test=again]:not([disabled])" },
  { name: "overview-forbidden", path: "/overview", as: "reviewer", ready: "main h1" },
];

const figure = async (page, key) => Number((await page.locator(`[data-test=figure-${key}]`).textContent()).replace(/\D/g, ""));

export const walks = [
  {
    name: "overview",
    async run(page, ctx) {
      await ctx.go("/overview", "[data-test=today]");
      const state = await page.locator("[data-test=state]").getAttribute("data-state");
      assert.ok(["quiet", "needs"].includes(state), "a server that works says so: " + state);
      const before = await figure(page, "verdicts");

      // A verdict that somebody gets elsewhere is counted here, without anything being pressed.
      await ctx.house.roles.admin.api("POST", "/api/v1/moderations", { input: "Which ward has visiting hours after seven?" });
      await page.waitForFunction((n) => Number(document.querySelector("[data-test=figure-verdicts]").textContent.replace(/\D/g, "")) > n, before, { timeout: 20_000 });

      // A refusal waits behind a button: nothing moves under the reader.
      const rows = page.locator("[data-test=refusals] tbody tr");
      const shown = await rows.count();
      const first = shown > 0 ? await rows.first().textContent() : "";
      await ctx.house.roles.guest.api("GET", "/api/v1/users", undefined, 403);
      if (shown > 0) {
        await page.locator("[data-test=refusals-fresh]").waitFor({ timeout: 20_000 });
        assert.equal(await rows.first().textContent(), first);
        await page.locator("[data-test=refusals-fresh]").click();
        await page.waitForFunction((text) => document.querySelector("[data-test=refusals] tbody tr").textContent !== text, first);
      }
      await rows.first().waitFor({ timeout: 20_000 });

      // The plot has a table, and the table adds up to the figure.
      await page.locator("[data-test=chart-table]").click();
      const sum = await page.locator("[data-test=today] tbody tr td:nth-child(2)").evaluateAll((cells) => cells.reduce((n, c) => n + Number(c.textContent.replace(/\D/g, "")), 0));
      assert.equal(sum, await figure(page, "verdicts"));
      await ctx.seen("overview-table");
      await page.locator("[data-test=chart-table]").click();

      // A row leads to its place in the log, a need to the page where it is seen to.
      await rows.first().locator("a").click();
      await page.waitForURL("**/ui/audit/evt_*");
      await page.goBack();
      const need = page.locator("[data-test^=need-] a.btn").first();
      if ((await need.count()) > 0) {
        await need.click();
        await page.waitForURL((u) => !u.pathname.endsWith("/overview"));
      }
    },
  },
  {
    name: "system",
    async run(page, ctx) {
      await ctx.go("/system", "[data-test=again]:not([disabled])");
      const ranks = await page.locator(".check").evaluateAll((rows) => rows.map((r) => (r.classList.contains("fail") ? 0 : r.classList.contains("warn") ? 1 : 2)));
      assert.ok(ranks.length > 10, "every check stands there");
      assert.deepEqual(ranks, [...ranks].sort(), "the gravest come first");
      assert.equal(await page.locator("[data-test=check-database]").count(), 1);
      const answer = page.waitForResponse((r) => r.url().includes("/api/v1/system?fresh=true"));
      await page.locator("h1").click();
      await page.keyboard.press("r");
      assert.equal((await answer).status(), 200);
      const command = page.locator(".cmd").first();
      await command.locator("button").click();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), (await command.locator("code").textContent()).trim());
      await page.emulateMedia({ media: "print" });
      assert.equal(await page.locator("[data-test=again]").isVisible(), false, "paper has no buttons");
      await ctx.picture("system-print");
      await page.emulateMedia({ media: "screen" });
    },
  },
];
