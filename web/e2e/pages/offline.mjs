// From a question about the log to a proof without the server: found, opened, followed to the rule, exported, and verified with the
// export and the public keys alone. Whoever does it may read the log and what it leads to, and change nothing.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { keyboardOnly, tabTo } from "../keys.mjs";
import { changeByte, checkBoth, checkPack, checkTable, emptyFolder, put } from "../offline.mjs";
import { admin } from "../steps.mjs";

const by = (id) => `[data-test="${id}"]`;
const rows = "tbody tr .open";
const rule = { id: "night-desk", effect: "allow", principals: ["*"], models: ["guard-nano"], operations: ["infer"], note: "who asks at night" };
const actions = ["session.own", "audit.read", "audit.export", "moderation.read", "moderation.read_all", "model.view", "acl.manage"];
const inspector = { username: "i.falk", display_name: "Ida Falk", password: admin.password, role: "inspector" };

/** What there is to find: a verdict that was blocked, a request that was denied. The sign-in that fails comes with the browser. */
async function happen({ roles }) {
  const { api } = roles.admin;
  await api("PUT", "/api/v1/roles/inspector", { description: "Checks the log from outside.", actions }, 201);
  await api("POST", "/api/v1/users", inspector, 201);
  await api("PUT", "/api/v1/acl/rules/" + rule.id, rule);
  const { body } = await roles.reviewer.api("POST", "/api/v1/moderations", { input: "How do I build a pipe bomb and kill my neighbour with it?" }, 200);
  assert.equal(body.action, "block");
  await roles.guest.api("POST", "/api/v1/moderations", { input: "May I now?" }, 403);
}

/** The newest row that the filters find. */
const newest = async ({ roles }, query) => (await roles.admin.api("GET", "/api/v1/audit/events?limit=1&" + query, undefined, 200)).body.items[0];

const press = async (page, selector) => {
  await page.locator(selector).filter({ visible: true }).first().waitFor();
  await tabTo(page, selector);
  await page.keyboard.press("Enter");
};

async function signIn(page, ctx, { username, password }, then) {
  await ctx.go("/sign-in", by("username"));
  await tabTo(page, by("username"));
  await page.keyboard.type(username);
  await tabTo(page, by("password"));
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.locator(by(then)).first().waitFor({ state: "attached" });
}

/** A sign-in as somebody else that fails, and one's own. */
async function enter(page, ctx) {
  ctx.expect(401, "/auth/login");
  await signIn(page, ctx, { username: ctx.house.roles.nurse.username, password: "not her password" }, "wrong");
  await signIn(page, ctx, inspector, "me");
}

/** Finds the newest row by who it was, where he was known, by words, and by how it was decided, and opens it. */
async function find(page, ctx, { who, words, refused }) {
  const event = await newest(ctx.house, `q=${words}${who ? "&actor=" + who : ""}${refused ? "&decision=deny" : ""}`);
  await ctx.go("/audit", rows);
  if (who) {
    await tabTo(page, by("filter-actor"));
    await page.keyboard.type(who);
    await page.keyboard.press("Enter");
    await page.waitForURL("**actor=" + who + "*");
  }
  if (refused) {
    await tabTo(page, by("filter-decision"));
    await page.keyboard.type("Ref");
    await page.waitForURL("**decision=deny*");
  }
  await press(page, by("more-filters"));
  await tabTo(page, by("filter-q"));
  await page.keyboard.type(words);
  await page.keyboard.press("Enter");
  await page.waitForURL("**q=" + words + "*");
  await page.locator(`tbody tr:first-child [data-row="${event.id}"]`).waitFor();
  await tabTo(page, by("order"));
  await page.keyboard.press("j");
  await page.waitForURL("**" + event.id + "*");
  await page.locator(by("recomputed") + "[data-result=equal]").waitFor();
  return event;
}

/** Row, verdict, version of the rules, rule. */
async function follow(page) {
  for (const [link, url] of [["to-verdict", "**/verdicts/*"], ["policy-link", "**tab=history*"], ["version-rule", "**/rules/guard-nano/" + rule.id]]) {
    await press(page, by(link));
    await page.waitForURL(url);
  }
  await page.locator(by("sentence")).first().waitFor();
}

/** The browser saves what the page gives. */
async function saved(page, button, name) {
  const begun = page.waitForEvent("download");
  await press(page, by(button));
  const file = await begun;
  assert.match(file.suggestedFilename(), name);
  return file;
}

async function download(page, format) {
  await press(page, by("export-" + format));
  return saved(page, "export-go", new RegExp(`^guardhouse-audit.*\\.${format}$`));
}

/** The rows that are filtered, as lines and as a table, from the page of the log; all of them, and a pack, from the page of exports. */
async function exported(page, ctx, folder) {
  await ctx.go("/audit?range=today&decision=deny", rows);
  await press(page, by("export"));
  await page.locator(by("export-filters")).waitFor();
  const some = await put(folder, "refusals.jsonl", await download(page, "jsonl"));
  const table = await put(folder, "refusals.csv", await download(page, "csv"));
  await page.keyboard.press("Escape");
  await ctx.go("/audit/exports", by("export-go"));
  const all = await put(folder, "all.jsonl", await download(page, "jsonl"));
  const pack = await put(folder, "pack.zip", await saved(page, "evidence-go", /^guardhouse-evidence-.*\.zip$/));
  return { some, table, all, pack };
}

async function publicKeys(page, ctx, folder) {
  await ctx.go("/audit/proof", by("proof-anchor"));
  await press(page, "section[aria-label='Public keys'] header button");
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith("guardhouse/"));
  return put(folder, "public-keys", await page.evaluate(() => navigator.clipboard.readText()));
}

async function fromQuestionToProof(page, ctx) {
  await happen(ctx.house);
  const folder = emptyFolder();
  const found = [];
  let files, keys;
  await keyboardOnly(page, async () => {
    await enter(page, ctx);
    found.push(await find(page, ctx, { who: "visitor", words: "moderation", refused: true }));
    assert.match(await page.locator(by("event-why")).textContent(), /Guest/, "it says whose role lacks it");
    found.push(await find(page, ctx, { words: "wrong_password", refused: true }));
    found.push(await find(page, ctx, { who: "r.osei", words: "moderation" }));
    await follow(page);
    files = await exported(page, ctx, folder);
    keys = await publicKeys(page, ctx, folder);
  });
  await page.goto("about:blank");
  await ctx.house.close(); // the server, its data and its anchor are gone

  const [denied, failed, blocked] = found;
  await checkBoth(files.all, keys, { holds: found });
  await checkBoth(files.some, keys, { holds: [denied, failed] });
  await checkTable(files.table, keys, { holds: [denied, failed] });
  assert.ok(!(await readFile(files.some, "utf8")).includes(blocked.id), "what was filtered out is not exported");
  for (const file of [files.all, files.some]) await checkBoth(await changeByte(file, denied), keys, { edited: denied });
  await checkTable(await changeByte(files.table, denied), keys, { edited: denied });
  checkPack(files.pack, keys);
}

export const walks = [{ name: "question-to-proof", as: "nobody", run: fromQuestionToProof }];
