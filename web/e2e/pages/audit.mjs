// The audit log: the list and its filters, one event, a person's days, and the chain.
import assert from "node:assert/strict";
import { keyboardOnly, tabTo } from "../keys.mjs";
import { broken, fail } from "../texts.mjs";

const rows = "tbody tr .open";
const at = (page, id) => page.locator(`[data-test="${id}"]:visible`).first();

async function openEvent(page) {
  await page.locator("tbody .open").nth(2).click();
  await page.locator("[data-test=recomputed][data-result=equal]").waitFor();
}
/** Two saved filters, once for each house. */
async function keepFilters(house) {
  const { api } = house.roles.admin;
  const { body } = await api("GET", "/api/v1/filters?page=audit", undefined, 200);
  if (body.items.length > 0) return;
  await api("POST", "/api/v1/filters", { page: "audit", name: "Refusals of the week · 本周拒绝", query: "decision=deny&range=7d" }, 201);
  await api("POST", "/api/v1/filters", { page: "audit", name: "Ruth, day by day", query: "actor=r.osei&view=timeline" }, 201);
}
const toNewestRefusal = async (page, house) => {
  const { body } = await house.roles.admin.api("GET", "/api/v1/audit/events?decision=deny&limit=1", undefined, 200);
  await page.goto(`${house.url}/ui/events/${body.items[0].id}`);
  await page.locator("[data-test=recomputed][data-result=equal]").waitFor();
};

export const pages = [
  { name: "audit", path: "/audit", as: "admin", ready: rows, prepare: async (page, { house }) => (await keepFilters(house), await page.reload(), await at(page, "saved-0").waitFor()) },
  { name: "audit-event", path: "/audit", as: "admin", ready: rows, prepare: openEvent },
  { name: "audit-refusals", path: "/audit?actor=visitor&decision=deny&order=oldest", as: "admin", ready: rows },
  { name: "audit-tries", path: "/audit?actor=l.wang&decision=deny", as: "admin", ready: "[data-test=about]" },
  { name: "audit-days", path: "/audit?actor=r.osei&view=timeline", as: "admin", ready: "[data-test=timeline] [data-open]" },
  {
    name: "audit-own-time",
    path: "/audit?ip=127.0.0.1",
    as: "admin",
    ready: rows,
    async prepare(page) {
      await at(page, "filter-range").selectOption("own");
      await at(page, "own-from").fill("2026-01-02 03:04");
      await at(page, "own-to").fill("2026-01-01");
      await at(page, "own-take").click();
      if (await page.locator("[data-test=volume-table]:visible").count()) await at(page, "volume-table").click();
    },
  },
  { name: "audit-empty", path: "/audit?actor=visitor&from=2020-01-01T00:00:00.000Z&to=2020-01-02T00:00:00.000Z", as: "admin", ready: "[data-test=all-time]" },
  { name: "event", path: "/audit", as: "admin", ready: rows, print: true, prepare: (page, { house }) => toNewestRefusal(page, house) },
  { name: "audit-fields", path: "/audit?range=all&reason=role&q=moderation", as: "admin", ready: "[data-test=filter-reason]" },
  { name: "proof", path: "/audit/proof", as: "admin", ready: "[data-test=proof-result], [data-test=proof-none]" },
  { name: "event-unknown", path: "/audit", as: "admin", ready: rows, async prepare(page, { house, expect }) {
    expect(404, "/api/v1/audit/events/");
    await page.goto(house.url + "/ui/events/evt_00000000000000000000000000");
    await page.locator("main .empty a.btn").waitFor();
  } },
];

async function verifyAndFilter(page, ctx) {
  await ctx.go("/audit", "[data-test=verify]");
  await at(page, "verify").click();
  await page.locator("[data-test=watch] .lamp:not(.ring)").waitFor();
  await at(page, "filter-decision").selectOption("deny");
  await page.waitForURL("**decision=deny*");
  await page.locator("tbody tr .node.deny").first().waitFor();
  await ctx.go("/audit", "tbody .open");
  await openEvent(page);
  await at(page, "event-json").click();
  await at(page, "event-next").click();
  await page.keyboard.press("Escape");
}

/** What an error says, and that what was not found today may be found before. */
async function errors(page, ctx) {
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
  await at(page, "clear-filters").click();
  await page.locator("tbody tr").first().waitFor();
}

/** From the log to somebody's first refusal, why, and its own page: by keys alone. */
async function searchByKeys(page, ctx) {
  const { guest } = ctx.house.roles;
  await guest.api("POST", "/api/v1/moderations", { input: "Once more?" }, 403);
  await ctx.go("/audit", rows);
  await keyboardOnly(page, async () => {
    await page.locator(rows).first().waitFor();
    await tabTo(page, "[data-test=filter-actor]");
    await page.keyboard.type(guest.username);
    await page.keyboard.press("Enter");
    await page.waitForURL("**actor=visitor*");
    await tabTo(page, "[data-test=filter-decision]");
    await page.keyboard.type("Ref");
    await page.waitForURL("**decision=deny*");
    await tabTo(page, "[data-test=order]");
    await page.keyboard.press("Enter");
    await page.waitForURL("**order=oldest*");
    await page.locator("th[aria-sort=ascending]").waitFor();
    const { body } = await ctx.house.roles.admin.api("GET", "/api/v1/audit/events?actor=visitor&decision=deny&order=oldest&limit=1", undefined, 200);
    await page.locator(`tbody tr:first-child [data-row="${body.items[0].id}"]`).waitFor();
    await page.keyboard.press("j");
    await page.locator("[data-test=event-why]").waitFor();
    assert.match(await page.locator("[data-test=event-why]").textContent(), /Guest/, "it says whose role lacks it");
    await page.keyboard.press("j");
    await page.waitForURL((u) => !u.pathname.endsWith(body.items[0].id));
    await page.keyboard.press("k");
    await page.waitForURL("**" + body.items[0].id + "*");
    await page.keyboard.press("o");
    await page.waitForURL("**/events/" + body.items[0].id);
    await page.locator("[data-test=recomputed][data-result=equal]").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", "the page begins at its sentence");
    await page.keyboard.press("j");
    await page.waitForURL((u) => !u.pathname.endsWith(body.items[0].id));
  });
}

/** A filter is kept, found again, used, deleted, and taken back. */
async function savedFilter(page, ctx) {
  await ctx.go("/audit?decision=deny&range=7d", rows);
  await at(page, "save-filter").click();
  await at(page, "save-name").fill("Refusals");
  await at(page, "save-take").click();
  await page.locator("[data-test=saved-0][aria-current=true]").waitFor();
  await ctx.go("/audit", rows);
  await at(page, "saved-0").click();
  await page.waitForURL((u) => u.search.includes("decision=deny") && u.search.includes("range=7d"));
  await at(page, "unsave-0").click();
  await page.locator("[data-test=saved-0]").waitFor({ state: "detached" });
  await page.locator("[data-test=undo]:visible").first().click();
  await at(page, "saved-0").waitFor();
  await ctx.go("/audit?decision=error", "[data-test=save-filter]");
  ctx.expect(409, "/api/v1/filters");
  await at(page, "save-filter").click();
  await at(page, "save-name").fill("REFUSALS");
  await page.keyboard.press("Enter");
  await page.locator("#saved-taken").waitFor();
  await ctx.go("/history?severity=Unsafe", "[data-test=save-filter]");
  await at(page, "save-filter").click();
  await at(page, "save-name").fill("Unsafe");
  await page.keyboard.press("Enter");
  await page.locator("[data-test=saved-0][aria-current=true]").waitFor();
}

/** Rows that are written wait behind a button, or come in by themselves; the strip narrows the time by pointer and by keys. */
async function tailAndStrip(page, ctx) {
  const { guest } = ctx.house.roles;
  const more = () => guest.api("POST", "/api/v1/moderations", { input: "And now?" }, 403);
  await ctx.go("/audit?actor=visitor", rows);
  const before = await page.locator(rows).count();
  await more();
  await at(page, "fresh").waitFor();
  assert.equal(await page.locator(rows).count(), before, "nothing moves under the reader");
  await at(page, "fresh").click();
  await page.locator(rows).nth(before).waitFor();
  await at(page, "follow").click();
  await more();
  await page.locator(rows).nth(before + 1).waitFor();
  assert.equal(await page.locator("[data-test=fresh]").count(), 0);

  await ctx.go("/audit", rows);
  const bar = page.locator("[data-test=volume] .hits button[tabindex='0']");
  await bar.click();
  await page.waitForURL((u) => u.search.includes("from=") && u.search.includes("to="));
  await page.locator(rows).first().waitFor();
  await page.goBack();
  await page.waitForURL((u) => !u.search.includes("from="));
  await bar.focus();
  await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.search.includes("from="));
  const { searchParams } = new URL(page.url());
  assert.equal(Date.parse(searchParams.get("to")) - Date.parse(searchParams.get("from")), 3_600_000, "two bars of half an hour");
  await page.goBack();
  await page.waitForURL((u) => !u.search.includes("from="));
  const [left, right] = [await at(page, "bar-4").boundingBox(), await at(page, "bar-7").boundingBox()];
  await page.mouse.move(left.x + 3, left.y + 20);
  await page.mouse.down();
  await page.mouse.move(right.x + 3, right.y + 20, { steps: 8 });
  await page.mouse.up();
  await page.waitForURL((u) => u.search.includes("from="));
  const drawn = new URL(page.url()).searchParams;
  assert.equal(Date.parse(drawn.get("to")) - Date.parse(drawn.get("from")), 4 * 1_800_000, "four bars were drawn over");
  await at(page, "own-drop").click();
  await page.waitForURL((u) => !u.search.includes("from="));
}

/** From a question to the rule that decided it, in both languages and by keys alone: row, verdict, version of the rules, rule. */
async function fromRowToRule(page, ctx) {
  const boss = ctx.house.roles.admin;
  const rule = { id: "spare-wheelchair", effect: "allow", principals: ["*"], models: ["guard-nano"], operations: ["infer"], note: "who asks about wheelchairs" };
  await boss.api("PUT", "/api/v1/acl/rules/" + rule.id, rule);
  await boss.api("POST", "/api/v1/moderations", { input: "Which ward has the spare wheelchair?" }, 200);
  await ctx.go("/audit", rows);
  const follow = async (link, url) => {
    await page.locator(`[data-test=${link}]`).first().waitFor();
    await tabTo(page, `[data-test=${link}]`);
    await page.keyboard.press("Enter");
    await page.waitForURL(url);
  };
  await keyboardOnly(page, async () => {
    for (let i = 0; i < 2; i++) {
      const lang = await page.getAttribute("html", "lang");
      await tabTo(page, "[data-test=language]");
      await page.keyboard.press("Enter");
      await page.waitForFunction((was) => document.documentElement.lang !== was, lang);
      await page.goto(ctx.house.url + "/ui/audit");
      await page.locator(rows).first().waitFor();
      await tabTo(page, "[data-test=more-filters]");
      await page.keyboard.press("Enter");
      await tabTo(page, "[data-test=filter-q]");
      await page.keyboard.type("moderation.run");
      await page.keyboard.press("Enter");
      await page.waitForURL("**q=moderation.run*");
      await tabTo(page, "[data-test=order]");
      await page.locator(rows).first().waitFor();
      await page.keyboard.press("j");
      await follow("to-verdict", "**/verdicts/*");
      await follow("policy-link", "**tab=history*");
      await follow("version-rule", "**/rules/guard-nano/" + rule.id);
    }
  });
}

export const walks = [
  { name: "audit-verify-and-filter", run: verifyAndFilter },
  { name: "audit-errors", run: errors },
  { name: "audit-search-by-keys", run: searchByKeys },
  { name: "audit-saved-filters", run: savedFilter },
  { name: "audit-tail-and-strip", run: tailAndStrip },
  { name: "audit-from-row-to-rule", run: fromRowToRule },
];
