// The gate: signing in, the look before it, and a session that ends.
import assert from "node:assert/strict";
import { keyboardOnly, tabTo } from "../keys.mjs";
import * as step from "../steps.mjs";

export const pages = [{ name: "sign-in", path: "/sign-in", as: "nobody", ready: "[data-test=sign-in]" }];

export const walks = [
  {
    name: "sign-in-and-out",
    as: "nobody",
    async run(page, ctx) {
      await page.goto(ctx.house.url + "/");
      await page.locator("[data-test=username]").waitFor();
      for (const [language, theme] of [["zh", "dark"], ["en", "light"]]) await step.look(page, language, theme);
      await step.signIn(page, ctx);
      await step.signOut(page);
    },
  },
  {
    name: "keyboard-sign-in",
    as: "nobody",
    async run(page, ctx) {
      await ctx.go("/sign-in", "[data-test=username]");
      await keyboardOnly(page, async () => {
        await page.locator("[data-test=username]").waitFor();
        await tabTo(page, "[data-test=username]");
        await page.keyboard.type(step.admin.username);
        await tabTo(page, "[data-test=password]");
        await page.keyboard.type("this is not the password");
        ctx.expect(401, "/auth/login");
        await page.keyboard.press("Enter");
        await page.locator("[data-test=wrong]").waitFor();
        await tabTo(page, "[data-test=password]", "Shift+Tab");
        await page.keyboard.press("Control+a");
        await page.keyboard.type(step.admin.password);
        await tabTo(page, "[data-test=sign-in]");
        await page.keyboard.press("Enter");
        await page.locator("[data-test=me]").waitFor();
        await tabTo(page, "[data-test=me]");
        await page.keyboard.press("Enter");
        await page.locator("[role=menuitem]:focus").waitFor();
        await tabTo(page, "[data-test=sign-out]", "ArrowDown");
        await page.keyboard.press("Enter");
        await page.waitForURL("**/ui/sign-in");
      });
    },
  },
  {
    name: "session-lost-while-writing",
    async run(page, ctx) {
      await ctx.go("/moderate", "[data-test=kind-text]");
      await page.locator("[data-test=kind-text]").click();
      await page.locator("[data-test=text]").fill("half a thought");
      await page.context().clearCookies();
      ctx.expect(401, "/api/v1/");
      await page.locator("[data-test=judge]").click();
      await page.waitForURL("**/ui/sign-in**");
      await step.signIn(page, ctx);
      await page.waitForURL("**/ui/moderate");
      assert.equal(await page.locator("[data-test=text]").inputValue(), "half a thought");
    },
  },
];
