// Settings, keys and sessions, profile: what is set and in force, a key that is seen once, and what is one's own.
import assert from "node:assert/strict";

const settings = "[data-test=settings]";
const mode = (word) => `[data-test="in-moderation.mode-${word}"]`;
const field = (key) => `[data-test="in-${key}"]`;
const busy = (code, status) => ({ status, contentType: "application/problem+json", body: `{"type":"about:blank","title":"","status":${status},"code":"${code}","detail":"","request_id":"req_01JD"}` });

async function changed(page) {
  await page.locator(mode("loose")).click();
  await page.locator(field("engine.queue")).fill("128");
  await page.locator("[data-test=save-bar]").waitFor();
}
async function reviewed(page) {
  await changed(page);
  await page.locator("[data-test=save]").click();
  await page.locator("[data-test=diff]:visible").waitFor();
}
async function newKey(page) {
  await page.locator("[data-test=new-key]").click();
  await page.locator("[data-test=key-label]:visible").waitFor();
}

export const pages = [
  { name: "settings", path: "/settings", as: "admin", ready: settings },
  { name: "settings-changed", path: "/settings", as: "admin", ready: settings, prepare: changed },
  { name: "settings-forbidden", path: "/settings", as: "reviewer", ready: "[data-test=ask-whom]" },
  { name: "keys", path: "/keys?of=all", as: "admin", ready: "tbody tr" },
  { name: "keys-none", path: "/keys", as: "reviewer", ready: "[data-test=new-key-empty]" },
  { name: "sessions", path: "/sessions", as: "admin", ready: "[data-test=session-this]" },
  { name: "sessions-guest", path: "/sessions", as: "guest", ready: "[data-test=session-this]" },
  { name: "profile", path: "/profile", as: "reviewer", ready: "[data-test=profile-name]" },
  {
    name: "settings-error",
    path: "/nothing",
    as: "admin",
    ready: "main",
    async prepare(page, { expect, house }) {
      expect(503, "/api/v1/settings");
      await page.route("**/api/v1/settings", (route) => route.fulfill(busy("busy", 503)));
      await page.goto(house.url + "/ui/settings");
      await page.locator("[data-test=error]").waitFor();
    },
  },
];

async function read(page) {
  return page.evaluate(() => fetch("/api/v1/settings").then((r) => r.json()));
}

/** Strict becomes loose: reviewed, in force for the next verdict, and in the log with both values. */
async function turnLoose(page, ctx) {
  await ctx.go("/settings", settings);
  await reviewed(page);
  const said = await page.locator("[data-test=diff]:visible").textContent();
  assert.ok(said.includes("Strict") && said.includes("Loose"), said);
  await page.locator("[data-test=confirm]:visible").click();
  await page.locator("[data-test=save-bar]").waitFor({ state: "detached" });
  const now = await read(page);
  const item = now.items.find((i) => i.key === "moderation.mode");
  assert.deepEqual([item.value, item.in_force, item.source], ["loose", "loose", "console"]);
  const verdict = await page.evaluate(() => fetch("/api/v1/moderations", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"input":"hello"}' }).then((r) => r.json()));
  assert.equal(verdict.policy.mode, "loose");
  const log = await page.evaluate(() => fetch("/api/v1/audit/events?action=settings.manage&limit=1").then((r) => r.json()));
  assert.deepEqual(log.items[0].details.settings["moderation.mode"], { from: "strict", to: "loose" });
  await page.locator('[data-test="reset-moderation.mode"]').click();
  await page.locator("[data-test=save]").click();
  await page.locator("[data-test=confirm]:visible").click();
  await page.locator("[data-test=save-bar]").waitFor({ state: "detached" });
  assert.equal((await read(page)).items.find((i) => i.key === "moderation.mode").source, "default");
}

/** Somebody was faster: his change is shown, and mine goes on top. */
async function twoAtOnce(page, ctx) {
  await ctx.go("/settings", settings);
  await page.locator(field("engine.queue")).fill("77");
  const status = await page.evaluate(() => fetch("/api/v1/settings", { method: "PATCH", headers: { "Content-Type": "application/json" }, body: '{"auth.session_idle":"20m"}' }).then((r) => r.status));
  assert.equal(status, 200);
  ctx.expect(412, "/api/v1/settings");
  await page.locator("[data-test=save]").click();
  await page.locator("[data-test=confirm]:visible").click();
  await page.locator("[data-test=stale]").waitFor();
  assert.ok((await page.locator("[data-test=stale]").textContent()).includes("20 min"));
  await page.locator("[data-test=confirm]:visible").click();
  await page.locator("[data-test=stale]").waitFor({ state: "detached" });
  await page.locator("[data-test=confirm]:visible").click();
  await page.locator("[data-test=save-bar]").waitFor({ state: "detached" });
  const values = Object.fromEntries((await read(page)).items.map((i) => [i.key, i.value]));
  assert.deepEqual([values["engine.queue"], values["auth.session_idle"]], [77, "20m"]);
}

/** What the server does not take is said at its field, and nothing of it is stored. */
async function refusedValue(page, ctx) {
  await ctx.go("/settings", settings);
  const before = (await read(page)).version;
  await page.locator(field("engine.queue")).fill("0");
  ctx.expect(400, "/api/v1/settings");
  await page.locator("[data-test=save]").click();
  await page.locator("[data-test=confirm]:visible").click();
  await page.locator('[data-test="set-engine.queue"] [role=alert]').waitFor();
  assert.equal((await read(page)).version, before);
  await page.locator("[data-test=discard]").click();
  await page.locator("[data-test=save-bar]").waitFor({ state: "detached" });
}

/** A key is seen once: it works, one Escape does not close it, and once revoked it is refused. */
async function keyOnce(page, ctx) {
  await ctx.go("/keys", "[data-test=new-key]");
  await newKey(page);
  await page.locator("[data-test=key-label]").fill("ward 7");
  await page.locator("[data-test=key-op-infer]").check();
  await page.locator("[data-test=key-make]").click();
  const secret = await page.locator("[data-test=key-secret]").textContent();
  const status = (key) => page.evaluate((k) => fetch("/api/v1/moderations?limit=1", { headers: { Authorization: "Bearer " + k }, credentials: "omit" }).then((r) => r.status), key);
  assert.equal(await status(secret), 200);
  await page.keyboard.press("Escape");
  assert.ok(await page.locator("[data-test=key-secret]").isVisible(), "one Escape only warns");
  await page.keyboard.press("Escape");
  await page.locator("[data-test=key-secret]").waitFor({ state: "detached" });
  const row = page.locator("tbody tr", { hasText: "ward 7" });
  await row.locator("[data-test=revoke]").click();
  await page.locator("[data-test=confirm]:visible").click();
  await row.waitFor({ state: "detached" });
  ctx.expect(401, "/api/v1/moderations");
  assert.equal(await status(secret), 401);
}

/** Name and language are the account's; the password changes with the old one, and this session goes on. */
async function ownProfile(page, ctx) {
  await ctx.go("/profile", "[data-test=profile-name]");
  await page.locator("[data-test=profile-name]").fill("Ruth O.");
  const saved = page.waitForResponse((r) => r.request().method() === "PATCH"); // the button is off while it is sent, too
  await page.locator("[data-test=profile-save]").click();
  await saved;
  await page.locator("[data-test=profile-save]:disabled").waitFor();
  const me = await page.evaluate(() => fetch("/api/v1/auth/me").then((r) => r.json()));
  assert.equal(me.user.display_name, "Ruth O.");
  ctx.expect(403, "/api/v1/auth/password");
  for (const [test, text] of [["pw-current", "not the password"], ["pw-new", "seven lamps over the gate"], ["pw-again", "seven lamps over the gate"]]) await page.locator(`[data-test=${test}]`).fill(text);
  await page.locator("[data-test=pw-change]").click();
  await page.locator("[data-test=pw-current][aria-invalid=true]").waitFor();
  await page.locator("[data-test=to-sessions]").click();
  await page.locator("[data-test=session-this]").waitFor();
}

export const walks = [
  { name: "turn-loose", as: "admin", run: turnLoose },
  { name: "two-at-once", as: "admin", run: twoAtOnce },
  { name: "refused-value", as: "admin", run: refusedValue },
  { name: "key-once", as: "reviewer", run: keyOnce },
  { name: "own-profile", as: "reviewer", run: ownProfile },
];
