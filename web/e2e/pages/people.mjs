// Users and roles: the list, a person, the matrix, and the ways of administration to their end.
import assert from "node:assert/strict";
import { request } from "playwright-core";
import { keyboardOnly, tabTo } from "../keys.mjs";
import { confirm, ownSession } from "../steps.mjs";
import { broken, fail } from "../texts.mjs";

const by = (id) => `[data-test="${id}"]`;
const row = (name) => `.pt tbody tr:has-text("${name}") [data-row]`;
const closed = (page) => page.waitForFunction(() => !document.querySelector("dialog[open]"));

async function openPerson(page, name) {
  await page.locator(row(name)).first().click();
  await page.locator(by("person-name")).waitFor();
}

export const pages = [
  { name: "people", path: "/people", as: "admin", ready: ".pt [data-row]" },
  { name: "person", path: "/people?role=reviewer", as: "admin", ready: ".pt [data-row]", prepare: (page) => openPerson(page, "Ruth Osei") },
  { name: "people-nobody", path: "/people?q=nobody-of-that-name", as: "admin", ready: by("clear-filters") },
  { name: "roles", path: "/roles/reviewer?action=image.generate", as: "admin", ready: by("why-question") },
  { name: "role", path: "/roles/auditor", as: "admin", ready: by("role-title") },
  {
    name: "roles-changed", path: "/roles/auditor?action=metrics.read", as: "admin", ready: by("why-toggle"),
    prepare: async (page) => {
      if (!(await page.locator(by("save-bar")).count())) await page.locator(by("why-toggle")).click();
      await page.locator(by("save-bar")).waitFor();
    },
  },
];

export const walks = [
  {
    name: "people-user-edit-by-keyboard", as: "nobody",
    async run(page, ctx) {
      await ownSession(page, ctx, "/people?q=l.wang");
      await page.locator(row("Wang Li")).waitFor();
      await keyboardOnly(page, async () => {
        await page.locator(row("Wang Li")).waitFor();
        await page.keyboard.press("j");
        await page.locator(by("person-edit")).waitFor();
        await page.keyboard.press("e");
        await page.locator(by("edit-name")).waitFor();
        await tabTo(page, by("edit-name"));
        await page.keyboard.press("Control+A");
        await page.keyboard.type("Wang Li-Meier");
        await tabTo(page, by("edit-role"));
        await page.keyboard.type("Radiologist");
        await tabTo(page, by("edit-next"));
        await page.keyboard.press("Enter");
        await page.locator(by("effect")).waitFor();
        await ctx.picture("people-edit-review");
        await tabTo(page, by("confirm"));
        await page.keyboard.press("Enter");
        await closed(page);
        await page.locator(by("person-name")).filter({ hasText: "Wang Li-Meier" }).waitFor();
        await page.keyboard.press("Escape");
        await page.waitForURL(/\/people(\?|$)/);
      });
      const { body } = await ctx.house.roles.admin.api("GET", "/api/v1/users?q=l.wang", undefined, 200);
      assert.equal(body.items[0].role, "radiologist");
      await ctx.house.roles.admin.api("PATCH", "/api/v1/users/" + body.items[0].id, { role: "nurse", display_name: "Wang Li" }, 200);
    },
  },
  {
    name: "people-add-reset-disable-delete", as: "nobody",
    async run(page, ctx) {
      const name = "t.moreau." + Date.now().toString(36); // no name is given twice, whatever became of its owner
      await ownSession(page, ctx, "/people");
      await page.locator(by("add")).click();
      await page.locator(by("add-username")).waitFor();
      await ctx.seen("people-add");
      await page.locator(by("add-submit")).click();
      await page.locator("[role=dialog] [aria-invalid=true]").waitFor();
      await page.locator(by("add-username")).fill(name);
      await page.locator(by("add-name")).fill("Théo Moreau");
      await page.locator(by("add-submit")).click();
      const secret = await page.locator(by("secret")).textContent();
      assert.match(secret, /^[a-z0-9]{5}(-[a-z0-9]{5}){3}$/);
      await page.keyboard.press("Escape");
      await page.locator("[role=dialog] [role=alert]").waitFor();
      await ctx.picture("people-once");
      await page.locator(by("stored")).click();
      await page.locator(by("person-name")).filter({ hasText: "Théo Moreau" }).waitFor();
      const program = await request.newContext({ ignoreHTTPSErrors: true }); // the page's own cookie stays what it is
      const login = await program.post(ctx.house.url + "/api/v1/auth/login", { data: { username: name, password: secret } });
      assert.equal(login.status(), 200, "the password that was shown is the password");
      await program.dispose();

      ctx.expect(403, "/api/v1/auth/confirm");
      await page.locator(by("person-reset")).click();
      await page.locator(by("confirm-password")).fill("not my password at all");
      await page.locator(by("confirm") + ":visible").click();
      await page.locator("[role=dialog] [aria-invalid=true]").waitFor();
      await confirm(page);
      assert.notEqual(await page.locator(by("secret")).textContent(), secret);
      await page.locator(by("stored")).click();
      await closed(page);

      await page.locator(by("person-disable")).click();
      await confirm(page);
      await page.locator(by("person-enable")).waitFor();
      await page.locator(by("person-delete")).click();
      assert.ok(await page.locator(by("confirm") + ":visible").isDisabled(), "the name is not typed yet");
      await page.locator(by("confirm-name")).fill(name);
      await confirm(page);
      await page.waitForURL(/\/people(\?|$)/);
      await page.locator(row(name)).waitFor({ state: "hidden" });
    },
  },
  {
    name: "roles-change-and-conflict", as: "nobody",
    async run(page, ctx) {
      const boss = ctx.house.roles.admin;
      await ownSession(page, ctx, "/roles/guest?action=model.view");
      await page.locator(by("why-question")).waitFor();
      await page.locator("[data-cell='guest/model.view']").click();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Space");
      await page.locator(by("save-bar")).waitFor();
      assert.equal(await page.locator(".savebar .pm").count(), 2, "a press on the chosen cell and Space both change");
      await page.locator("[data-cell='admin/user.manage']").click();
      await page.locator(by("why-lock")).waitFor();
      await page.keyboard.press("Space");
      assert.equal(await page.locator(".savebar .pm").count(), 2, "what is locked stays");

      await boss.api("PUT", "/api/v1/roles/guest", { actions: ["example.read", "session.own", "chat.run"] }, 200);
      ctx.expect(412, "/api/v1/roles/guest");
      await page.locator(by("save")).click();
      await page.locator(by("diff")).waitFor();
      await ctx.picture("roles-review");
      await confirm(page);
      await Promise.race([page.locator(by("stale")).waitFor(), closed(page)]);
      if (await page.locator(by("stale")).count()) await confirm(page);
      await closed(page);
      const { body } = await boss.api("GET", "/api/v1/roles/guest", undefined, 200);
      assert.deepEqual(body.actions, ["example.read", "model.view", "moderation.run", "chat.run", "session.own"], "both changes stand");
      await boss.api("PUT", "/api/v1/roles/guest", { actions: ["example.read", "session.own"] }, 200);

      await page.locator(by("new-role")).click();
      await page.locator(by("new-role-name")).fill("night-watch");
      await page.locator(by("new-role-from")).selectOption("nurse");
      await confirm(page);
      await page.waitForURL("**/roles/night-watch");
      await page.locator(by("role-delete")).click();
      await confirm(page);
      await page.waitForURL(/\/roles(\?|$)/);
    },
  },
  {
    name: "people-errors",
    async run(page, ctx) {
      ctx.expect(503, "/api/v1/users");
      await page.route("**/api/v1/users?*", fail);
      await ctx.go("/people", by("error"));
      assert.ok((await page.locator(by("error")).first().textContent()).includes(broken.request_id));
      await ctx.seen("people-error");
      await page.unroute("**/api/v1/users?*", fail);
      await page.locator(by("error") + " button").first().click();
      await page.locator(".pt [data-row]").first().waitFor();
      await page.keyboard.press("f");
      await page.keyboard.type("no such person");
      await page.locator(by("clear-filters")).waitFor();
      await page.locator(by("clear-filters")).click();
      await page.locator(".pt [data-row]").first().waitFor();
    },
  },
];
