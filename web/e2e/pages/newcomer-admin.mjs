// An administrator's first hour: from the started program to a second person, and her first refused act found in the log
// (docs/walks.md).
import assert from "node:assert/strict";
import { hands } from "../hands.mjs";
import { admin } from "../steps.mjs";

export const empty = true;

const by = (id) => `[data-test="${id}"]`;

/** The second person's own browser: she signs in with what she was told, and asks for what she may not. */
async function secondPerson(ctx, username, password) {
  const tab = await ctx.as("nobody", "/");
  await tab.locator(by("username")).fill(username);
  await tab.locator(by("password")).fill(password);
  await tab.keyboard.press("Enter");
  await tab.locator(by("me")).waitFor();
  assert.equal(await tab.locator(by("nav-audit")).count(), 0, "what she may not do is not offered");
  ctx.expect(403, "/api/v1/moderations");
  await tab.goto(ctx.house.url + "/ui/api#createModeration");
  await tab.locator(by("member-input")).fill("May I?");
  await tab.locator(by("member-input")).press("Control+Enter");
  await tab.locator(by("reply-status"), { hasText: "403" }).waitFor();
}

export const walks = [
  {
    name: "admin-install-to-first-refusal",
    as: "nobody",
    async run(page, ctx) {
      const hand = hands(page);
      hand.count.steps.push("start the program");
      hand.count.typed += "guardhouse serve\n".length;
      await page.goto(ctx.house.url + "/");
      await page.waitForURL("**/ui/setup");
      await hand.paste(by("token"), ctx.house.token, "token from the console");
      await hand.type(by("username"), admin.username, "user name");
      await hand.type(by("password"), admin.password, "password");
      await hand.press("Enter", "make the first admin");
      await hand.click(by("enter"), "open the console");
      await page.locator(by("nav-people")).waitFor();

      await hand.click(by("nav-people"), "users and roles");
      await hand.click(by("add"), "add somebody");
      await hand.type(by("add-username"), "l.wang", "her user name");
      await hand.type(by("add-name"), "Wang Li", "her name");
      await page.locator(by("add-role")).selectOption("nurse");
      hand.count.steps.push("her role");
      hand.count.clicks += 2;
      await hand.click(by("add-submit"), "make the account");
      const secret = await page.locator(by("secret")).textContent();
      await hand.click(by("stored"), "the password is passed on");
      await secondPerson(ctx, "l.wang", secret);

      await hand.click(by("nav-audit"), "audit log");
      await page.locator(by("filter-decision")).selectOption("deny");
      hand.count.steps.push("refused");
      hand.count.clicks += 2;
      await page.waitForURL("**decision=deny*");
      const row = page.locator("tbody tr", { hasText: "Wang Li" }).or(page.locator("tbody tr", { hasText: "l.wang" })).first();
      await row.waitFor();
      hand.count.steps.push("open the row");
      hand.count.clicks++;
      await row.locator(".open").click();
      await page.locator(by("event-sentence")).waitFor();
      const sentence = await page.locator(by("event-sentence")).textContent();
      assert.match(sentence, /Wang Li|l\.wang/);
      await ctx.picture("newcomer-admin");
      assert.ok(hand.count.steps.length <= 16, "steps: " + hand.count.steps.length);
      console.log("      " + hand.sum("admin"));
    },
  },
];
