// The API page: the server's own contract, read, filtered and tried by the person who is signed in.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { newest } from "../steps.mjs";

const python = fileURLToPath(new URL("../../../.tools/venv/bin/python", import.meta.url));

const list = "[data-op]";
const open = "[data-test=operation]";
const send = (page) => page.locator("[data-test=send]");

async function tried(page) {
  await send(page).click();
  await page.locator("[data-test=reply-body]").first().waitFor();
}

export const pages = [
  { name: "api", path: "/api", as: "admin", ready: list },
  { name: "api-guest", path: "/api?mine=1", as: "guest", ready: list },
  { name: "api-operation", path: "/api#createModeration", as: "admin", ready: open, prepare: tried },
  { name: "api-forbidden", path: "/api#putRole", as: "reviewer", ready: open },
  { name: "api-nothing", path: "/api?q=no+such+word", as: "admin", ready: "[data-test=clear-filters]" },
  { name: "api-unknown", path: "/api#noSuchOperation", as: "admin", ready: list },
  {
    name: "api-error",
    path: "/nothing",
    as: "admin",
    ready: "main",
    async prepare(page, { expect, house }) {
      expect(503, "/api/v1/openapi.json");
      await page.route("**/api/v1/openapi.json", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"type":"about:blank","title":"","status":503,"code":"busy","detail":"","request_id":"req_01JD"}' }));
      await page.goto(house.url + "/ui/api");
      await page.locator("[data-test=error]").waitFor();
    },
  },
];

/** What the page shows is what the server answers to the same request. */
async function tryVerdict(page, ctx) {
  await ctx.go("/api", list);
  await page.locator("[data-test=api-find]").fill("moderations judge");
  await page.waitForURL("**q=*");
  await page.locator("[data-op=createModeration]").click();
  await page.waitForURL("**#createModeration");
  await page.locator("[data-test=member-input]").fill("What time does the pharmacy close?");
  const answer = page.waitForResponse((r) => r.url().endsWith("/api/v1/moderations") && r.request().method() === "POST");
  await page.locator("[data-test=member-input]").press("Control+Enter");
  assert.equal((await answer).status(), 200);
  await page.locator("[data-test=reply-status]", { hasText: "200" }).waitFor();
  const shown = JSON.parse(await page.locator("[data-test=reply-body]").textContent());
  const stored = await newest(page);
  assert.deepEqual([shown.id, shown.severity, shown.scores], [stored.id, stored.severity, stored.scores]);
  assert.deepEqual(JSON.parse((await answer).request().postData()), { input: "What time does the pharmacy close?" });
  for (const language of ["python", "javascript", "curl"]) {
    await page.locator(`[data-test=snippet-${language}]`).click();
    const text = await page.locator("[data-test=snippet]").textContent();
    assert.ok(text.includes("What time does the pharmacy close?") && text.includes("GH_KEY"), text);
  }
}

/** A body as fields and as JSON is one body; what is no JSON is said, and sent on only as it stands. */
async function editBody(page, ctx) {
  await ctx.go("/api#createUser", open);
  await page.locator("[data-test=member-username]").fill("e.novak");
  await page.locator("[data-test=body-json]").click();
  const body = page.locator("[data-test=body]");
  assert.equal(JSON.parse(await body.inputValue()).username, "e.novak");
  assert.equal(JSON.parse(await body.inputValue()).password, "", "no password of an example is sent by mistake");
  await body.fill("{");
  await page.locator("[role=alert]").first().waitFor();
  assert.equal(await page.locator("[data-test=body-form]").isDisabled(), true);
}

/** Nothing that changes the server goes out before it was asked for. */
async function askFirst(page, ctx) {
  const deletes = [];
  page.on("request", (r) => r.method() === "DELETE" && deletes.push(r.url()));
  await ctx.go("/api#endSession", open);
  await send(page).click();
  await page.locator("[data-test=lacking]").waitFor();
  await page.locator("[data-test=field-id]").fill("ses_00000000000000000000000000");
  await send(page).click();
  await page.locator("[data-test=cancel]:visible").waitFor();
  await ctx.seen("api-ask");
  await page.locator("[data-test=cancel]:visible").click();
  assert.equal(deletes.length, 0, "canceled is not sent");
  ctx.expect(404, "/api/v1/sessions/");
  await send(page).click();
  await page.locator("[data-test=confirm]:visible").click();
  await page.locator("[data-test=reply-status]", { hasText: "404" }).waitFor();
  assert.equal(deletes.length, 1);
}

async function stopStream(page, ctx) {
  await ctx.go("/api#streamEvents", open);
  await send(page).click();
  await page.locator("[data-test=reply-status]", { hasText: "200" }).waitFor();
  await page.locator("[data-test=stop]").click();
  await page.locator("[data-test=stop]").waitFor({ state: "detached" });
}

/** By keys alone: find, go down the list, send. */
async function byKeys(page, ctx) {
  await ctx.go("/api", list);
  await page.locator("h1").click();
  await page.keyboard.press("f");
  await page.keyboard.type("who i am");
  await page.keyboard.press("Enter");
  await page.waitForURL("**#getMe");
  await page.locator("h1").click();
  await page.keyboard.press("s");
  await page.locator("[data-test=reply-status]", { hasText: "200" }).waitFor();
  await page.keyboard.press("f");
  await page.keyboard.press("Escape");
  await page.locator("h1").click();
  await page.keyboard.press("j");
  await page.waitForURL((u) => u.hash !== "" && u.hash !== "#getMe");
}

/** Markup in an answer is text. */
async function hostile(page, ctx) {
  await page.route("**/api/v1/models", (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>" }));
  await ctx.go("/api#listModels", open);
  await send(page).click();
  await page.locator("[data-test=reply-body]", { hasText: "<script>" }).waitFor();
  assert.equal(await page.locator("[data-test=reply] img, [data-test=reply] script").count(), 0);
  assert.ok(!(await page.title()).includes("broken"));
  await page.unroute("**/api/v1/models");
}

/** What stands there to be copied runs as it stands, with a key in GH_KEY and the authority beside it. */
async function snippetsRun(page, ctx) {
  const { api } = ctx.house.roles.admin;
  const [program] = (await api("GET", "/api/v1/users?kind=service", undefined, 200)).body.items;
  const { key } = (await api("POST", "/api/v1/keys", { label: "snippets", user_id: program.id }, 201)).body;
  const where = { cwd: join(ctx.house.data, "tls"), timeout: 30_000, env: { PATH: process.env.PATH, GH_KEY: key, NODE_EXTRA_CA_CERTS: "ca.pem" } };
  await ctx.go("/api#createModeration", open);
  await page.locator("[data-test=member-input]").fill(`What's "open" at 7 o'clock? $HOME 药房几点关门`);
  const run = { curl: (text) => ["bash", ["-c", text]], javascript: (text) => ["node", ["--input-type=module", "-e", text]], python: (text) => [python, ["-c", text]] };
  for (const [language, command] of Object.entries(run)) {
    await page.locator(`[data-test=snippet-${language}]`).click();
    const [binary, given] = command(await page.locator("[data-test=snippet]").textContent());
    assert.ok(!binary.startsWith("/") || existsSync(binary), "make setup installs Python's requests");
    const { stdout } = await promisify(execFile)(binary, given, where);
    assert.match(stdout, /"audit_hash"/, language);
  }
}

export const walks = [
  { name: "api-snippets", run: snippetsRun },
  { name: "api-try", run: tryVerdict },
  { name: "api-body", run: editBody },
  { name: "api-ask-first", run: askFirst },
  { name: "api-stream", run: stopStream },
  { name: "api-keys", run: byKeys },
  { name: "api-hostile", run: hostile },
];
