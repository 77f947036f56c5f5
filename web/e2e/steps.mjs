// The deeds of a visitor, by data-test ids. Each checks what it caused.
import assert from "node:assert/strict";

export const admin = { username: "m.chen", password: "a long and private sentence" };
const at = (page, id) => page.locator(`[data-test="${id}"]:visible`).first();

export async function look(page, language, theme) {
  const lang = language === "zh" ? "zh-CN" : "en";
  if ((await page.getAttribute("html", "lang")) !== lang) await at(page, "language").click();
  if (!(await page.evaluate((t) => document.documentElement.classList.contains(t), theme))) await at(page, "theme").click();
  assert.equal(await page.getAttribute("html", "lang"), lang);
  assert.ok(await page.evaluate((t) => document.documentElement.classList.contains(t), theme));
}

export async function setUp(page, watch, base, token) {
  await page.goto(base + "/");
  await page.waitForURL("**/ui/setup");
  await at(page, "token").fill("not-the-token");
  await at(page, "username").fill(admin.username);
  await at(page, "password").fill("short");
  await at(page, "make-admin").click();
  assert.equal(await page.locator("[aria-invalid=true]").count(), 1, "a short password is told before it is sent");
  await at(page, "password").fill(admin.password);
  for (const status of [400, 401, 403, 404]) watch.expect(status, "/api/v1/setup");
  await at(page, "make-admin").click();
  await page.locator("[role=alert]").first().waitFor();
  await at(page, "token").fill(token);
  await at(page, "make-admin").click();
  await at(page, "enter").waitFor();
}

export async function enter(page) {
  await at(page, "enter").click();
  await at(page, "me").waitFor();
}

export async function signOut(page) {
  await at(page, "me").click();
  await at(page, "sign-out").click();
  await page.waitForURL("**/ui/sign-in");
}

export async function signIn(page, watch) {
  await at(page, "username").fill(admin.username);
  await at(page, "password").fill("this is not the password");
  watch.expect(401, "/auth/login");
  await at(page, "sign-in").click();
  await at(page, "wrong").waitFor();
  await at(page, "password").fill(admin.password);
  await page.keyboard.press("Enter");
  await at(page, "me").waitFor();
}

/**
 * The verdict that an answer brought. The browser now and then has no body left to give ("No data found for resource"): then the
 * person's newest verdict is asked for again.
 */
export async function bodyOf(page, response) {
  try {
    return await response.json();
  } catch (error) {
    if (!String(error).includes("No data found")) throw error;
    return newest(page);
  }
}

/** The newest verdict of the signed-in person, as the server has it. */
export function newest(page) {
  return page.evaluate(async () => {
    const read = (path) => fetch("/api/v1/moderations" + path).then((r) => r.json());
    return read("/" + (await read("?limit=1")).items[0].id);
  });
}

/** Sends what stands in the composer and waits for the answer to it. */
export async function judge(page) {
  const answer = page.waitForResponse((r) => r.url().endsWith("/api/v1/moderations") && r.request().method() === "POST");
  await page.keyboard.press("Control+Enter");
  const response = await answer;
  assert.equal(response.status(), 200);
  const verdict = await bodyOf(page, response);
  await page.locator(`[data-test=verdict] [title="${verdict.id}"]`).waitFor({ state: "attached" });
  const sum = Object.values(verdict.scores).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum - 1) < 0.01, "probabilities add up: " + sum);
  return verdict;
}

export async function judgeText(page, text) {
  await at(page, "kind-text").click();
  await at(page, "text").fill(text);
  return judge(page);
}

export async function judgeConversation(page, turns) {
  await at(page, "kind-conversation").click();
  while ((await page.locator("[data-test^=turn-]").count()) < turns.length) await at(page, "add-turn").click();
  for (const [i, text] of turns.entries()) await at(page, "turn-" + i).fill(text);
  return judge(page);
}

export async function openAuditOf(page, verdict) {
  await at(page, "audit-link").click();
  await at(page, "event-sentence").waitFor();
  const recomputed = at(page, "recomputed");
  await recomputed.waitFor();
  assert.equal(await recomputed.getAttribute("data-result"), "equal", "the browser computes the row's hash again");
  assert.equal(await page.locator(`[title="${verdict.audit_hash}"]`).count() > 0, true, "the row holds the hash that the verdict carried");
}

/** Signs in as the admin with a session of its own: a typed password gives it a new cookie, and the house's is used by others. */
export async function ownSession(page, ctx, path, ready) {
  await ctx.go("/sign-in", '[data-test="username"]');
  await page.locator('[data-test="username"]').fill(admin.username);
  await page.locator('[data-test="password"]').fill(admin.password);
  await page.keyboard.press("Enter");
  await page.locator('[data-test="me"]').first().waitFor({ state: "attached" });
  await ctx.go(path, ready);
}

/** Answers the password question of a dialog if it is asked, and confirms. */
export async function confirm(page) {
  const asked = page.locator('[data-test="confirm-password"]');
  if (await asked.count()) await asked.fill(admin.password);
  await page.locator('[data-test="confirm"]:visible').click();
}
