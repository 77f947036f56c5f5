// Rules are looked over by a day: kept or removed, one by one.
import assert from "node:assert/strict";

const by = (id) => `[data-test="${id}"]`;
const closed = (page) => page.waitForFunction(() => !document.querySelector("dialog[open]"));
const rule = (id, more) => ({ id, effect: "allow", principals: ["role:nurse"], models: ["qwen3guard-*"], operations: ["view"], ...more });
const inDays = (n) => new Date(Date.now() + n * 86_400_000).toISOString();

async function someRules(house) {
  const { admin: boss } = house.roles;
  await boss.api("PUT", "/api/v1/acl/rules/ward-letters", rule("ward-letters", { owner: "user:r.osei", note: "letters of the ward" }));
  await boss.api("PUT", "/api/v1/acl/rules/ward-nights", rule("ward-nights", { conditions: { hours: "Mon-Fri 20:00-06:00 Asia/Shanghai" } }));
}
/** A review of the ward's rules; its id. */
async function begun(house, title) {
  await someRules(house);
  const { admin: boss } = house.roles;
  const known = (await boss.api("GET", "/api/v1/access/reviews", undefined, 200)).body.items.find((r) => r.title === title);
  return (known ?? (await boss.api("POST", "/api/v1/access/reviews", { title, due_at: inDays(14), rules: ["ward-*"] }, 201)).body).id;
}
async function open(page, { house, language }) {
  const id = await begun(house, language === "zh" ? "病区规则" : "Rules of the ward");
  await page.goto(house.url + "/ui/reviews/" + id);
  await page.locator("[data-test^=item-]").nth(1).waitFor();
}
async function list(page, { house, language }) {
  await begun(house, language === "zh" ? "病区规则" : "Rules of the ward");
  await page.reload();
  await page.locator(".rv tbody tr").first().waitFor();
}

export const pages = [
  { name: "reviews-none", path: "/reviews", as: "nurse", ready: "h2" },
  { name: "reviews", path: "/reviews", as: "admin", ready: "h1", prepare: list },
  { name: "review", path: "/reviews", as: "admin", ready: "h1", prepare: open },
];

/** Begun from the page, one kept, one removed with a note, closed; each is in the log. */
async function toTheEnd(page, ctx) {
  const { admin: boss } = ctx.house.roles;
  await someRules(ctx.house);
  await ctx.go("/reviews", by("new-review"));
  await page.locator("h1").click();
  await page.keyboard.press("n");
  await page.locator(by("review-title")).fill("Autumn");
  await page.locator(by("review-some")).click();
  await page.locator(by("review-pattern")).fill("ward-*");
  await page.locator(by("review-begin")).click();
  await page.locator(by("review-name"), { hasText: "Autumn" }).waitFor();
  const item = (id) => page.locator(by("item-" + id));
  await item("ward-letters").locator(by("keep")).click();
  await page.locator(by("item-ward-letters") + ".kept").waitFor();
  await item("ward-nights").locator(by("remove")).click();
  await page.locator(by("review-note")).fill("Nights are covered by the call team.");
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  await page.locator(by("item-ward-nights") + ".removed").waitFor();
  await ctx.seen("review-decided");
  await boss.api("GET", "/api/v1/acl/rules/ward-nights", undefined, 404);
  await boss.api("GET", "/api/v1/acl/rules/ward-letters", undefined, 200);
  await page.locator(by("review-close")).click();
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  await page.locator(by("review-state") + ".closed").waitFor();
  assert.equal(await page.locator(by("keep")).count(), 0, "a closed review decides nothing");
  const { body } = await boss.api("GET", "/api/v1/audit/events?action=acl.manage&limit=50", undefined, 200);
  const changes = body.items.map((e) => e.details.change);
  for (const change of ["begin", "close"]) assert.ok(changes.includes(change), `${change} is in the log: ${changes}`);
}

/** The owner of a rule sees his own alone, and keeps it. */
async function owner(page, ctx) {
  const id = await begun(ctx.house, "For owners");
  await ctx.go("/reviews", `[data-test="review-${id}"] a`);
  await page.locator(`[data-test="review-${id}"] a`).click();
  await page.locator(by("item-ward-letters")).waitFor();
  assert.equal(await page.locator("[data-test^=item-]").count(), 1, "rules of others are not shown");
  assert.equal(await page.locator(by("review-close")).count(), 0);
  await page.locator(by("keep")).click();
  await page.locator(by("item-ward-letters") + ".kept").waitFor();
  await ctx.seen("review-owner");
}

export const walks = [
  { name: "review-to-the-end", as: "admin", run: toTheEnd },
  { name: "review-by-its-owner", as: "reviewer", run: owner },
];
