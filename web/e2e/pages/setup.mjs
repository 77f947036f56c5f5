// The very first visit: no admin yet, a token from the console.
import assert from "node:assert/strict";
import * as step from "../steps.mjs";

export const empty = true;

export const pages = [{ name: "setup", path: "/setup", as: "nobody", ready: "[data-test=token]" }];

export const walks = [
  {
    name: "set-up",
    as: "nobody",
    async run(page, ctx) {
      await page.goto(ctx.house.url + "/");
      await page.waitForURL("**/ui/setup");
      await step.setUp(page, ctx, ctx.house.url, ctx.house.token);
      await ctx.seen("setup-done");
      await step.enter(page);
      // the first visit of all: the chain is checked without anybody asking
      await page.locator("[data-test=watch] .lamp:not(.ring)").waitFor();
      await step.signOut(page);
      await page.goto(ctx.house.url + "/ui/setup");
      await page.waitForURL("**/ui/sign-in**");
      assert.equal(await page.locator("[data-test=token]").count(), 0, "set-up is over for ever");
    },
  },
];
