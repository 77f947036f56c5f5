// Somebody asks for a model, somebody else decides, and a yes is a rule that ends by itself.
import assert from "node:assert/strict";
import { keyboardOnly, tabTo } from "../keys.mjs";
import { confirm, ownSession } from "../steps.mjs";

const by = (id) => `[data-test="${id}"]`;
const item = "[data-test^=request-arq_]";
const inDays = (n) => new Date(Date.now() + n * 86_400_000).toISOString();
const purpose = { en: "Night shift reads referral letters while the department is closed.", zh: "夜班期间科室无人，需要初步判读转诊信。" };

/** A request that waits, made through the API; one that is there already is enough. */
const askAs = (who, model, text) => who.api("POST", "/api/v1/access/requests", { model, operations: ["view", "infer"], purpose: text, until: inDays(30) });
const closed = (page) => page.waitForFunction(() => !document.querySelector("dialog[open]"));

async function waiting(page, { house, language }) {
  await askAs(house.roles.nurse, "guard-nano", purpose[language]);
  await askAs(house.roles.radiologist, "qwen3guard-gen-4b", purpose[language]);
  await page.reload();
  await page.locator(item).nth(1).waitFor();
}
export const pages = [
  { name: "requests-none", path: "/requests", as: "reviewer", ready: by("ask-empty") },
  { name: "requests", path: "/requests", as: "admin", ready: "h1", prepare: waiting },
  { name: "requests-guest", path: "/requests", as: "guest", ready: by("ask-empty") },
];

/** With the keyboard alone: the form refuses an empty purpose, and what is sent stands in the list. */
async function askByKeyboard(page, ctx) {
  await ctx.go("/requests", by("ask"));
  await keyboardOnly(page, async () => {
    await page.locator(by("ask") + ":visible").waitFor();
    await page.keyboard.press("n");
    await page.locator(by("ask-model")).waitFor();
    await page.keyboard.type("qwen3-vl-4b");
    await page.keyboard.press("Enter");
    await page.locator("[role=dialog] [aria-invalid=true]").waitFor();
    await ctx.seen("requests-form");
    await tabTo(page, by("ask-purpose"));
    await page.keyboard.type(purpose.en);
    await tabTo(page, by("ask-send"));
    await page.keyboard.press("Enter");
    await closed(page);
    await page.locator(item, { hasText: "qwen3-vl-4b" }).waitFor();
  });
  const { body } = await ctx.house.roles.nurse.api("GET", "/api/v1/access/requests", undefined, 200);
  assert.deepEqual([body.items[0].model, body.items[0].status, body.items[0].purpose], ["qwen3-vl-4b", "open", purpose.en]);
  await page.locator(by("withdraw")).first().click();
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  await page.locator(by("request-state")).first().waitFor();
}

/** A closed model is asked for, approved by somebody else, and works until the rule ends; a no brings its reason. */
async function decide(page, ctx) {
  const { admin: boss, reviewer, nurse } = ctx.house.roles;
  await boss.api("PUT", "/api/v1/models/guard-nano/acl", { rules: [{ id: "admins", effect: "allow", principals: ["role:admin"], operations: ["*"] }, { id: "look", effect: "allow", principals: ["role:reviewer"], operations: ["view"] }] }, 200);
  await reviewer.api("POST", "/api/v1/moderations", { input: "May I?" }, 403);
  await askAs(reviewer, "guard-nano", purpose.en);
  await askAs(nurse, "guard-nano", "Because.");
  await askAs(boss, "qwen3-vl-4b", "My own.");

  await ownSession(page, ctx, "/requests", item);
  const row = (name) => page.locator(item, { hasText: name });
  assert.equal(await row("qwen3-vl-4b").locator(by("approve")).count(), 0, "nobody decides for himself");
  await row("Ruth Osei").locator(by("approve")).click();
  await page.locator(by("today") + " .dec.deny").waitFor();
  await ctx.seen("requests-approve");
  await page.locator(by("approve-until")).selectOption("7");
  await confirm(page);
  await closed(page);
  await row("Ruth Osei").waitFor({ state: "detached" });
  const judged = await reviewer.api("POST", "/api/v1/moderations", { input: "May I now?" }, 200);
  const rules = (await boss.api("GET", "/api/v1/acl/rules?principal=user:r.osei", undefined, 200)).body.items;
  assert.equal(rules.length, 1);
  assert.ok(Math.abs(Date.parse(rules[0].conditions.valid_until) - Date.parse(inDays(7))) < 600_000, "the end is the one that was chosen");
  const { body: log } = await boss.api("GET", `/api/v1/audit/events?request_id=${judged.body.request_id ?? judged.headers["x-request-id"]}`, undefined, 200);
  assert.equal(log.items[0].rule_id, rules[0].id, "the new rule decided");

  await row("Wang Li").locator(by("decline")).click();
  await page.locator(by("confirm") + ":visible").click();
  await page.locator("[role=dialog] [aria-invalid=true]").waitFor();
  await page.locator(by("decline-reason")).fill("Nurses read finished results.");
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  const tab = await ctx.as("nurse", "/requests");
  await tab.locator(item, { hasText: "Nurses read finished results." }).waitFor();
  await ctx.seen("requests-declined", tab);
  await page.locator(by("filter-status")).selectOption("approved");
  await page.waitForURL("**status=approved*");
  await row("Ruth Osei").waitFor();
}

export const walks = [
  { name: "requests-ask-by-keyboard", as: "nurse", run: askByKeyboard },
  { name: "requests-decide", as: "nobody", run: decide },
];
