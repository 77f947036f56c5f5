// What people and keys used of the models: one's own, and others' for who may see them.
import assert from "node:assert/strict";
import { fail } from "../texts.mjs";

const table = ".ut tbody tr";
const cell = (unit, span) => `[data-test="use-${unit}-${span}"]`;

export const pages = [
  { name: "usage", path: "/usage", as: "admin", ready: table },
  { name: "usage-guest", path: "/usage", as: "guest", ready: "h1" },
  {
    name: "usage-error", path: "/nothing", as: "reviewer", ready: "main",
    async prepare(page, { expect, house }) {
      expect(503, "/api/v1/usage");
      await page.route("**/api/v1/usage", fail);
      await page.goto(house.url + "/ui/usage");
      await page.locator("[data-test=error]").waitFor();
    },
  },
];

const used = async (page, unit, span) => Number((await page.locator(cell(unit, span) + " b").textContent()).replace(/\D/g, ""));

/** What is counted here is what was asked: one more request, and every item of an array. */
async function countsRequests(page, ctx) {
  const reviewer = ctx.house.roles.reviewer;
  // What the house judged may have been yesterday: the day ends while the walks go on.
  await reviewer.api("POST", "/api/v1/moderations", { input: "When does the canteen open?" }, 200);
  await ctx.go("/usage", table);
  const before = [await used(page, "requests", "day"), await used(page, "requests", "month")];
  assert.ok(before[0] > 0, "the house has judged texts today");
  await reviewer.api("POST", "/api/v1/moderations", { input: "Is the canteen open on Sunday?" }, 200);
  await reviewer.api("POST", "/v1/moderations", { input: ["one", "two", "three"] }, 200);
  await page.reload();
  await page.locator(table).first().waitFor();
  assert.deepEqual([await used(page, "requests", "day"), await used(page, "requests", "month")], before.map((n) => n + 4), "each item of an array counts");
  assert.equal(await page.locator("[data-test=usage-person]").count(), 0, "other people are not his to look at");
}

/** An administrator looks at a person by name and at the key of a program. */
async function ofOthers(page, ctx) {
  const boss = ctx.house.roles.admin;
  await ctx.go("/usage", table);
  await page.locator("[data-test=usage-person]").fill("r.osei");
  await page.locator("[data-test=usage-person]").press("Enter");
  await page.waitForURL(`**user=${ctx.house.roles.reviewer.id}`);
  await page.locator("h1 + p", { hasText: "r.osei" }).waitFor();
  await page.locator(table).first().waitFor();
  const { body } = await boss.api("GET", "/api/v1/keys?limit=50", undefined, 200);
  const key = body.items.find((k) => k.label === "ward 4");
  await page.locator("[data-test=usage-key]").selectOption(key.id);
  await page.waitForURL(`**key=${key.id}`);
  await page.locator(table).first().waitFor();
  assert.equal(await used(page, "requests", "day"), 1, "the key asked once");
  await ctx.seen("usage-key");

  const tab = await ctx.as("reviewer", "/nothing");
  const status = (path) => tab.evaluate((p) => fetch(p).then((r) => r.status), path);
  for (const path of [`/api/v1/users/${boss.id}/usage`, `/api/v1/keys/${key.id}/usage`]) {
    for (const s of [403, 404]) ctx.expect(s, path);
    assert.ok([403, 404].includes(await status(path)), path + " is not his");
  }
}

export const walks = [
  { name: "usage-counts", as: "reviewer", run: countsRequests },
  { name: "usage-of-others", as: "admin", run: ofOthers },
];
