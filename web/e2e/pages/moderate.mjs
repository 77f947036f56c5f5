// Judging a text and a conversation.
import assert from "node:assert/strict";
import { keyboardOnly, tabTo } from "../keys.mjs";
import * as step from "../steps.mjs";
import { fail, hostile, texts } from "../texts.mjs";

export const pages = [
  { name: "moderate-empty", path: "/moderate", as: "reviewer", ready: "[data-test=judge]" },
  {
    name: "moderate",
    path: "/moderate",
    as: "admin",
    ready: "[data-test=judge]",
    async prepare(page, { language }) {
      await step.judgeText(page, texts[language].text);
      await page.locator("[data-test=audit-link]").waitFor();
    },
  },
  { name: "moderate-conversation", path: "/moderate", as: "reviewer", ready: "[data-test=judge]", prepare: (page, { language }) => step.judgeConversation(page, texts[language].talk) },
];

export const walks = [
  {
    name: "judge",
    async run(page, ctx) {
      await ctx.go("/moderate", "[data-test=judge]");
      assert.equal((await step.judgeText(page, hostile)).id.startsWith("mod_"), true);
      assert.ok((await page.title()).includes("Guardhouse"), "judged text is text");
      const verdict = await step.judgeText(page, texts.en.text);
      await step.openAuditOf(page, verdict);
      await page.locator("[data-test=same-request]").click();
      await page.waitForURL("**request_id=*");
      await page.locator("[data-test=same-person]").click();
      await page.waitForURL("**actor=*");
      await page.locator("tbody tr").nth(1).waitFor();
    },
  },
  {
    name: "model-list-and-curl",
    async run(page, ctx) {
      await ctx.go("/moderate", ".el-select__wrapper");
      await page.locator(".el-select__wrapper").click();
      await page.locator(".el-select-dropdown__item:visible").first().waitFor();
      await ctx.picture("float-select");
      await ctx.audit("model list");
      await page.locator(".el-select-dropdown__item:visible").first().click();
      await step.judgeText(page, "it's a \"quoted\" text");
      await page.locator("[data-test=verdict] .vf button").first().click();
      const command = await page.evaluate(() => navigator.clipboard.readText());
      assert.ok(command.startsWith("curl ") && command.includes(`it'\\''s a \\"quoted\\" text`), command);
    },
  },
  {
    name: "not-judged",
    async run(page, ctx) {
      ctx.expect(503, "/api/v1/");
      await page.route("**/api/v1/moderations", fail);
      await ctx.go("/moderate", "[data-test=text]");
      await page.locator("[data-test=text]").fill("kept when it fails");
      await page.keyboard.press("Control+Enter");
      await page.locator("[data-test=error]").first().waitFor();
      assert.equal(await page.locator("[data-test=text]").inputValue(), "kept when it fails");
      await ctx.seen("state-not-judged");
    },
  },
  {
    name: "keyboard-moderate",
    as: "reviewer",
    async run(page, ctx) {
      await ctx.go("/moderate", "[data-test=text]");
      await keyboardOnly(page, async () => {
        await page.locator("[data-test=text]").waitFor();
        await tabTo(page, "[data-test=text]");
        await page.keyboard.type("How long before the scan may a patient drink water?");
        await step.judge(page);
        await tabTo(page, "[data-test=verdict] .vf button");
        await page.keyboard.press("Enter");
        assert.ok((await page.evaluate(() => navigator.clipboard.readText())).startsWith("curl "));
        await page.keyboard.press("g");
        await page.keyboard.press("h");
        await page.waitForURL("**/ui/history");
        await tabTo(page, "tbody [data-row]");
        await page.keyboard.press("Enter");
        await page.locator("aside [data-test=verdict]").waitFor();
      });
    },
  },
];
