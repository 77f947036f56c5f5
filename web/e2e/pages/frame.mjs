// What stands around every page: keys, palette, rail, menus, other people's start pages, and the live stream.
import assert from "node:assert/strict";
import { live } from "../live.mjs";

export const pages = [
  { name: "unknown", path: "/no-such-page", as: "admin", ready: "main a.btn" },
  { name: "forbidden", path: "/audit", as: "reviewer", ready: "main h1" },
];

const closed = (page) => page.locator("[role=dialog]:visible").waitFor({ state: "hidden" });

export const walks = [
  {
    name: "keys-and-palette",
    async run(page, ctx) {
      await ctx.go("/audit", "h1");
      await page.locator("h1").click();
      await page.keyboard.press("g");
      await page.keyboard.press("m");
      await page.waitForURL("**/ui/moderate");
      await page.locator("h1").click();
      await page.keyboard.press("?");
      await page.locator("[role=dialog] kbd").first().waitFor();
      await ctx.seen("keys");
      await page.keyboard.press("Escape");
      await closed(page);
      await page.keyboard.press("Control+k");
      await page.locator("[role=combobox]").first().waitFor();
      await page.locator("#jump-list").waitFor();
      await ctx.seen("jump");
      await page.keyboard.press("Escape");
      await closed(page);
    },
  },
  {
    name: "floating-parts",
    async run(page, ctx) {
      await ctx.go("/moderate", "[data-test=judge]");
      await page.setViewportSize({ width: 1024, height: 768 });
      await page.locator("[data-test=nav-history]").hover();
      await page.locator(".rail-tip", { hasText: "History" }).waitFor();
      await ctx.picture("float-rail");
      await page.setViewportSize({ width: 390, height: 844 });
      await page.locator(".tabbar button").click();
      await page.locator("[role=dialog]:visible .watch").waitFor();
      await ctx.picture("float-more");
      await ctx.audit("more");
      await page.keyboard.press("Escape");
      await page.setViewportSize({ width: 1440, height: 900 });
      await page.locator("[data-test=me]").click();
      await page.locator("[data-test=sign-out]:visible").waitFor();
      await ctx.picture("float-person");
      await ctx.audit("person menu");
    },
  },
  {
    name: "other-roles",
    async run(page, ctx) {
      for (const role of ["reviewer", "radiologist", "nurse", "guest", "auditor"]) {
        const tab = await ctx.as(role, "/");
        await tab.locator("[data-test=me]").waitFor();
        assert.equal(await tab.locator("[data-test=nav-audit]").count(), role === "auditor" ? 1 : 0, role + ": a missing action is a missing item");
        assert.equal(await tab.locator("[data-test=nav-moderate]").count(), role === "reviewer" ? 1 : 0);
        await ctx.seen("role-" + role, tab);
        if (role === "auditor") continue;
        await tab.goto(ctx.house.url + "/ui/audit");
        await tab.locator("main h1").waitFor();
        assert.ok((await tab.locator("main").textContent()).includes("audit.read"));
      }
    },
  },
  {
    name: "palette-people",
    async run(page, ctx) {
      await ctx.go("/moderate", "[data-test=judge]");
      await page.keyboard.press("Control+k");
      await page.locator("[data-test=palette]").fill("osei");
      await page.locator("[role=option]", { hasText: "r.osei" }).first().waitFor();
      await ctx.seen("palette-people");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/ui/people/usr_*");
      await page.keyboard.press("Control+k");
      await page.locator("[data-test=palette]").fill(ctx.house.verdicts[0].id);
      await page.locator("[data-test=hit-id-verdict]").waitFor();
      await page.keyboard.press("Enter");
      await page.waitForURL(`**/${ctx.house.verdicts[0].id}`);
    },
  },
  {
    name: "server-away",
    async run(page, ctx) {
      await ctx.go("/history", "tbody tr");
      ctx.expect(0, "/");
      await page.context().setOffline(true);
      await page.locator("[data-test=offline]").waitFor();
      assert.ok((await page.locator("tbody tr").count()) > 0, "what was there stays");
      await ctx.seen("offline");
      await page.context().setOffline(false);
      await page.locator("[data-test=offline]").waitFor({ state: "hidden" });
    },
  },
  {
    name: "queue-full",
    async run(page, ctx) {
      await ctx.go("/moderate", "[data-test=judge]");
      ctx.expect(503, "/api/v1/moderations");
      await page.route("**/api/v1/moderations", (route) => route.fulfill({ status: 503, headers: { "Retry-After": "30", "Content-Type": "application/problem+json" }, body: JSON.stringify({ code: "busy", status: 503, title: "Busy", request_id: "req_x", queue: { position: 257, waiting: 256, capacity: 256 } }) }));
      await page.locator("textarea").fill("May I?");
      await page.keyboard.press("Control+Enter");
      await page.locator("[data-test=busy]").waitFor();
      await ctx.seen("queue-full");
    },
  },
  {
    name: "person-menu-by-keyboard",
    async run(page, ctx) {
      await ctx.go("/moderate", "[data-test=judge]");
      await page.locator("[data-test=me]").focus();
      await page.keyboard.press("ArrowDown");
      await page.locator("[role=menu]").waitFor();
      await page.keyboard.press("Escape");
      await page.locator("[role=menu]").waitFor({ state: "detached" });
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("data-test")), "me");
      await page.keyboard.press("Enter");
      await page.locator("[data-test=menu-keys]").click();
      await page.locator("h1").click();
      await page.keyboard.press("g");
      await page.keyboard.press("h");
      await page.keyboard.press("?");
      assert.equal(await page.locator("[role=dialog]").count(), 0, "letters are off");
      assert.ok(page.url().endsWith("/moderate"));
    },
  },
  { name: "live-tabs", run: (page, ctx) => live(page, ctx) },
];
