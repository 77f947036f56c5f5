// Model rules: the page in its states, and one change walked to its end: written, explained, rehearsed, only reported, enforced,
// felt by somebody, found in the log, and taken back.
import assert from "node:assert/strict";
import { keyboardOnly, tabTo } from "../keys.mjs";
import { admin, confirm, ownSession } from "../steps.mjs";

const by = (id) => `[data-test="${id}"]`;
const closed = (page) => page.waitForFunction(() => !document.querySelector("dialog[open]"));
const model = "guard-nano";
const some = [
  { id: "no-remote-sites", effect: "deny", principals: ["*"], models: [model, "qwen3guard-*"], operations: ["*"], conditions: { ip_ranges: ["10.99.0.0/16"] }, note: "no access from rented rooms" },
  { id: "reading-room", effect: "allow", principals: ["role:radiologist", "user:l.wang"], models: [model], operations: ["view", "infer"], conditions: { ip_ranges: ["10.20.0.0/16"], rate_limit: "30/min", hours: "Mon-Fri 08:00-18:00 Asia/Shanghai", valid_until: "2027-12-31T15:59:00Z", purpose: "required" }, note: "agreed with the department head", owner: "user:j.keller" },
  { id: "on-call", effect: "allow", principals: ["role:nurse"], models: [model], operations: ["infer"], mode: "report-only" },
];

/** A few rules beside the shipped one; they may be there already. */
async function seed(page, { house }) {
  for (const rule of some) await house.roles.admin.api("PUT", "/api/v1/acl/rules/" + rule.id, rule);
  await page.reload();
  await page.locator(by("rule-reading-room")).waitFor();
}
async function opened(page, at) {
  await seed(page, at);
  await page.locator(by("rule-reading-room")).click();
  await page.locator(by("sentence")).waitFor();
}
/** The rate of one rule is another, and not saved. */
export async function changed(page, at) {
  await opened(page, at);
  await page.locator(by("rate")).fill("60");
  await page.locator(by("rules-bar")).waitFor();
}
const tab = (name, ready) => async (page, at) => {
  await seed(page, at);
  await page.locator(by("tab-" + name)).click();
  await page.locator(ready).first().waitFor();
};

export const pages = [
  { name: "rules", path: "/rules/" + model, as: "admin", ready: by("rule-list"), prepare: opened },
  { name: "rules-changed", path: "/rules/" + model, as: "admin", ready: by("rule-list"), prepare: changed },
  { name: "rules-yaml", path: "/rules/" + model, as: "admin", ready: by("rule-list"), prepare: tab("yaml", by("yaml-text")) },
  { name: "rules-history", path: "/rules/" + model, as: "admin", ready: by("rule-list"), prepare: tab("history", by("versions") + " a") },
  { name: "rules-forbidden", path: "/rules", as: "reviewer", ready: by("ask-whom") },
];

const ask = (who) => who.api("POST", "/api/v1/moderations", { input: "Which form do I need to borrow a wheelchair?" });

/** Confirms the review of a change, with a note. */
async function store(page, note) {
  await page.locator(by("review-note")).fill(note);
  await confirm(page);
  await closed(page);
  await page.locator(by("rules-bar")).waitFor({ state: "detached" });
}

/** Write: a deny for one person, from the sentence's fields. */
async function write(page) {
  await page.locator(by("rule-new")).click();
  await page.locator(by("effect-deny")).click();
  await page.locator(by("who")).fill("user:r.osei");
  await page.locator(by("who")).press("Enter");
  await page.locator(by("op-view")).click();
  await page.locator(by("id")).fill("not-ruth");
  const said = await page.locator(by("sentence")).first().textContent();
  assert.match(said, /^Deny r\.osei .*infer .*guard-nano/, "the sentence says what the form does");
}

/** Explain: as saved she may, with this change she may not. */
async function explain(page, ctx) {
  await page.locator(by("explain-who")).fill("user:r.osei");
  await page.locator(by("explain-who")).press("Enter");
  await page.locator(by("explain-operation")).selectOption("infer");
  await page.locator(by("explain-answer") + ":not(.ok)").waitFor();
  await ctx.seen("rules-explained");
  await page.locator(by("explain-in-force")).click();
  await page.locator(by("explain-answer") + ".ok").waitFor();
  await page.locator(by("explain-mine")).click();
  await page.locator(by("explain-answer") + ":not(.ok)").waitFor();
  await page.locator(by("who-sees")).click();
  await page.locator(by("can")).first().waitFor();
  await ctx.seen("rules-who");
  await page.keyboard.press("Escape");
  await closed(page);
}

/** Felt: the page of whoever is refused says why and how to ask. */
async function felt(ctx) {
  const tab = await ctx.as("reviewer", "/moderate");
  ctx.expect(403, "/api/v1/moderations");
  await tab.locator(by("text")).fill("Is the pharmacy open on Sunday?");
  await tab.keyboard.press("Control+Enter");
  await tab.locator(by("refusal-why")).waitFor();
  await ctx.seen("rules-refused", tab);
}

/** Found: the refusal in the log names the rule, and the rule is one step away. */
async function found(page, ctx) {
  await ctx.go("/audit?decision=deny&range=today&actor=r.osei", "tbody tr .open");
  await page.locator("tbody tr .open").first().click();
  await page.locator(by("event-why")).waitFor();
  await page.locator(by("rule-at-work"), { hasText: "r.osei" }).waitFor();
  await ctx.picture("rules-in-the-log");
  await page.locator("aside a[href*='/rules/'], main a[href*='/rules/']").first().click();
  await page.waitForURL("**/rules/**not-ruth*");
  await page.locator(by("sentence")).first().waitFor();
}

async function fromWordToLog(page, ctx) {
  const { reviewer, admin: boss } = ctx.house.roles;
  await ownSession(page, ctx, "/rules/" + model, by("rule-list"));
  await write(page);
  await explain(page, ctx);
  // Rehearse: what the house already did today, under the new rule. She judged two texts.
  await page.locator(by("show-them")).waitFor();
  assert.match(await page.locator(by("rehearsal")).textContent(), /2/, "her uses would be lost");
  await page.locator(by("compare")).click();
  await page.locator(by("rehearsed")).waitFor();
  await ctx.seen("rules-compare");
  await page.keyboard.press("Escape");
  await closed(page);

  // Only report: she is let through, and what would have been is counted.
  await page.locator(by("save-report")).click();
  await store(page, "tried first");
  assert.equal((await ask(reviewer)).status, 200, "a rule that only reports refuses nobody");
  const stored = (await boss.api("GET", "/api/v1/acl/rules/not-ruth", undefined, 200)).body;
  assert.equal(stored.mode, "report-only");
  await page.reload();
  await page.locator(by("hits")).waitFor();
  await page.locator(by("enforce")).click();
  await page.locator(by("save")).click();
  await store(page, "enforced");

  assert.equal((await ask(reviewer)).status, 403, "enforced, it refuses");
  assert.equal((await ask(boss)).status, 200, "and nobody else");
  await felt(ctx);
  await found(page, ctx);

  // Taken back: the last change undone, she may again, and the history says all three.
  await page.locator(by("tab-history")).click();
  await page.locator(by("versions") + " a").first().click();
  await page.locator(by("undo")).click();
  await confirm(page);
  await closed(page);
  await page.waitForFunction(() => document.querySelectorAll("[data-test^='version-']").length >= 3);
  assert.equal((await ask(reviewer)).status, 200, "undone");
  const versions = (await boss.api("GET", "/api/v1/acl/versions?rule=not-ruth", undefined, 200)).body.items;
  assert.deepEqual(versions.slice(-2).map((v) => v.note), ["enforced", "tried first"]);
  await ctx.seen("rules-undone");
}

/** With the keyboard alone: a rule is opened, its rate changed, compared and saved. */
async function byKeyboard(page, ctx) {
  await ownSession(page, ctx, "/rules/" + model, by("rule-list"));
  await seed(page, ctx);
  await keyboardOnly(page, async () => {
    await page.locator(by("rule-reading-room")).waitFor();
    await tabTo(page, by("rule-reading-room"));
    await page.keyboard.press("Enter");
    await page.locator(by("sentence"), { hasText: "30 requests a minute" }).waitFor();
    await tabTo(page, by("rate"));
    await page.keyboard.press("Control+A");
    await page.keyboard.type("90");
    await page.locator(by("rules-bar")).waitFor();
    await tabTo(page, by("save"));
    await page.keyboard.press("Enter");
    await page.locator(by("review-note")).waitFor();
    await tabTo(page, by("confirm-password")); // more requests a minute are more than before
    await page.keyboard.type(admin.password);
    await tabTo(page, by("confirm"));
    await page.keyboard.press("Enter");
    await closed(page);
    await page.locator(by("rules-bar")).waitFor({ state: "detached" });
  });
  const { body } = await ctx.house.roles.admin.api("GET", "/api/v1/acl/rules/reading-room", undefined, 200);
  assert.equal(body.conditions.rate_limit, "90/min");
}

/** Somebody was faster: the other change is shown, and both stand afterwards. */
async function twoAtOnce(page, ctx) {
  const boss = ctx.house.roles.admin;
  await ownSession(page, ctx, "/rules/" + model, by("rule-list"));
  await changed(page, ctx);
  await boss.api("PUT", "/api/v1/acl/rules/on-call", { ...some[2], note: "changed by a colleague" }, 200);
  ctx.expect(412, "/api/v1/acl/policy");
  await page.locator(by("save")).click();
  await confirm(page);
  await page.locator(by("stale")).waitFor();
  await ctx.seen("rules-stale");
  await confirm(page);
  await page.locator(by("stale")).waitFor({ state: "detached" });
  await confirm(page);
  await closed(page);
  await page.locator(by("rules-bar")).waitFor({ state: "detached" });
  const rule = async (id) => (await boss.api("GET", "/api/v1/acl/rules/" + id, undefined, 200)).body;
  assert.equal((await rule("on-call")).note, "changed by a colleague");
  assert.equal((await rule("reading-room")).conditions.rate_limit, "60/min");
}

export const walks = [
  { name: "rule-from-word-to-log", as: "nobody", run: fromWordToLog },
  { name: "rule-by-keyboard", as: "nobody", run: byKeyboard },
  { name: "rules-two-at-once", as: "nobody", run: twoAtOnce },
];
