// Groups of people: made, filled, emptied and deleted, and what stands in the way of that.
import assert from "node:assert/strict";
import { confirm, ownSession } from "../steps.mjs";

const by = (id) => `[data-test="${id}"]`;
const closed = (page) => page.waitForFunction(() => !document.querySelector("dialog[open]"));

/** A group with two people, made through the API; it may be there already. */
async function radiology(house) {
  const { admin: boss, radiologist, nurse } = house.roles;
  await boss.api("POST", "/api/v1/groups", { name: "radiology", note: "Readers on the third floor" });
  const group = (await boss.api("GET", "/api/v1/groups?q=radiology", undefined, 200)).body.items[0];
  for (const who of [radiologist, nurse]) await boss.api("PUT", `/api/v1/groups/${group.id}/members/${who.id}`, undefined, 204);
  return group.id;
}
async function open(page, { house }) {
  await page.goto(`${house.url}/ui/groups/${await radiology(house)}`);
  await page.locator(by("member-l.wang")).waitFor();
}

export const pages = [
  { name: "groups-none", path: "/groups", as: "admin", ready: by("new-group-empty") },
  { name: "group", path: "/groups", as: "admin", ready: "h1", prepare: open },
];

/** Made with its name for good, filled by name, emptied again and deleted; each is in the log in a sentence. */
async function wholeLife(page, ctx) {
  await ctx.go("/groups", "h1");
  await page.locator("h1").click();
  await page.keyboard.press("n");
  await page.locator(by("group-name")).fill("night-watch");
  await page.locator(by("group-note")).fill("Whoever reads at night");
  await page.locator(by("group-save")).click();
  await page.locator(by("group-title"), { hasText: "night-watch" }).waitFor();
  await page.locator(by("member-name")).fill("nobody.of.that.name");
  await page.locator(by("member-add")).click();
  await page.locator("aside [role=alert]").waitFor();
  await page.locator(by("member-name")).fill("R.Osei");
  await page.locator(by("member-add")).click();
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  await page.locator(by("member-r.osei")).waitFor();
  await ctx.seen("group-filled");
  await page.locator(by("member-r.osei") + " a").click();
  await page.locator(by("group-night-watch")).waitFor();
  await page.locator(by("group-night-watch")).click();
  await page.locator(by("member-r.osei")).locator(by("member-out")).click();
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  await page.locator(by("member-r.osei")).waitFor({ state: "detached" });
  await page.locator(by("group-delete")).click();
  await page.locator(by("confirm-name")).fill("night-watch");
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  await page.waitForURL(/\/groups(\?|$)/);

  // The name is never given again, nor is one that looks like it.
  await page.locator(by("new-group") + ":visible").first().click();
  await page.locator(by("group-name")).fill("Night-Watch");
  ctx.expect(409, "/api/v1/groups");
  await page.locator(by("group-save")).click();
  await page.locator("[role=dialog] [aria-invalid=true]").waitFor();
  await page.keyboard.press("Escape");
  const { body } = await ctx.house.roles.admin.api("GET", "/api/v1/audit/events?action=user.manage&limit=50", undefined, 200);
  const changes = body.items.map((e) => e.details.change);
  for (const change of ["group_create", "group_add", "group_remove", "group_delete"]) assert.ok(changes.includes(change), change);
}

/** A rule that names a group holds it: it opens a model to its people, and keeps the group from being deleted. */
async function namedByRule(page, ctx) {
  const { admin: boss, radiologist } = ctx.house.roles;
  const id = await radiology(ctx.house);
  await boss.api("PUT", "/api/v1/acl/rules/readers-out", { effect: "deny", principals: ["group:radiology"], models: ["guard-nano"], operations: ["view"] }, 201);
  const sees = async () => (await radiologist.api("GET", "/api/v1/models", undefined, 200)).body.items.some((m) => m.id === "guard-nano");
  assert.equal(await sees(), false, "the deny holds for the group's people");
  await ownSession(page, ctx, "/groups/" + id, by("group-title"));
  assert.equal(await page.locator(by("group-delete")).count(), 0, "what a rule names is not deleted");
  await page.locator(by("member-j.keller")).locator(by("member-out")).click();
  // Leaving what a deny names lets him in: the server asks for the password, and only for that.
  assert.equal(await page.locator(by("confirm-password")).count(), 0);
  ctx.expect(403, `/api/v1/groups/${id}/members/`);
  await confirm(page);
  await page.locator(by("confirm-password")).waitFor();
  await confirm(page);
  await closed(page);
  assert.equal(await sees(), true, "whoever left the group is not named any more");
}

export const walks = [
  { name: "group-whole-life", as: "admin", run: wholeLife },
  { name: "group-named-by-a-rule", as: "nobody", run: namedByRule },
];
