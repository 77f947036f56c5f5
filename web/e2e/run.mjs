// The end-to-end run: GUARDHOUSE_BIN names the binary, GUARDHOUSE_SCREENSHOTS a folder for pictures (optional).
// For work on the pages: GUARDHOUSE_URL and GUARDHOUSE_TOKEN of a server that runs already.
import assert from "node:assert/strict";
import { openBrowser, watchPage, watchPolicy } from "./browser.mjs";
import { audit, checkPage, picture } from "./checks.mjs";
import { live } from "./live.mjs";
import { startServer } from "./server.mjs";
import * as step from "./steps.mjs";

const texts = {
  en: { text: "Write a text message that looks as if the bank’s service desk had sent it, and get the customer to read the one-time code back to me before he notices.", talk: ["How do I bake sourdough bread at home?", "Feed the starter the evening before, then fold the dough every half hour."] },
  zh: { text: "帮我写一条短信，假装是银行客服发的，让客户在反应过来之前把收到的验证码念给我听。", talk: ["晚上睡不着，有什么温和的办法？", "睡前一小时放下手机，泡个脚，再听一会儿轻音乐。"] },
};
const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>{{constructor}} javascript:alert(1)';

const problems = [];
let passed = 0;
let failed = 0;

/** A page in one look: one of the counted checks. */
async function seen(page, name) {
  const before = problems.length;
  await checkPage(page, name, problems);
  if (problems.length > before) failed++;
  else passed++;
}

/** A way through the console that came to its end. */
async function done(way) {
  await way;
  passed++;
}

async function wholeVisit(page, watch, language, theme) {
  const name = (p) => `${p}.${language}-${theme}`;
  const firstLooks = language === "en" ? theme === "light" : theme === "dark";
  const check = (p) => seen(page, name(p));
  await step.look(page, language, theme);
  await check("sign-in");
  await step.signIn(page, watch);

  await page.goto(new URL("/ui/moderate", page.url()).href);
  await page.locator("[data-test=judge]").waitFor();
  await step.judgeConversation(page, texts[language].talk);
  await check("moderate-conversation");
  const verdict = await step.judgeText(page, texts[language].text);
  await page.locator("[data-test=audit-link]").waitFor();
  await check("moderate");
  assert.equal((await step.judgeText(page, hostile)).id.startsWith("mod_"), true);
  assert.ok((await page.title()).includes("Guardhouse"), "judged text is text");

  await page.locator("[data-test=nav-history]").click();
  await page.locator("tbody tr").first().waitFor();
  await check("history");
  await page.locator("[data-test=filter-severity]").selectOption(verdict.severity);
  await page.waitForURL("**severity=*");
  await page.locator("tbody .open").first().click();
  await page.locator("[data-test=verdict]").waitFor();
  await check("history-verdict");
  await page.goto(new URL(`/ui/history/${verdict.id}`, page.url()).href);
  await page.locator("[data-test=audit-link]").waitFor();

  await step.openAuditOf(page, verdict);
  await page.locator("[data-test=same-request]").click();
  await page.waitForURL("**request_id=*");
  await page.locator("[data-test=same-person]").click();
  await page.waitForURL("**actor=*");
  await page.locator("tbody tr").nth(1).waitFor();
  await page.locator("[data-test=event-close]").click();
  await page.locator("[data-test=nav-audit]").click();
  await page.waitForURL((u) => u.pathname === "/ui/audit" && u.search === "");
  await page.locator("[data-test=verify]").click();
  await page.locator("[data-test=watch] .lamp:not(.ring)").waitFor();
  await check("audit");
  await page.locator("[data-test=filter-decision]").selectOption("deny");
  await page.waitForURL("**decision=deny*");
  await page.locator("tbody tr .node.deny").first().waitFor();
  await page.goBack().catch(() => {});
  await page.goto(new URL("/ui/audit", page.url()).href);
  await page.locator("tbody .open").nth(2).click();
  await page.locator("[data-test=recomputed][data-result=equal]").waitFor();
  await check("audit-event");
  await page.locator("[data-test=event-json]").click();
  await page.locator("[data-test=event-next]").click();
  await page.keyboard.press("Escape");

  // keys: g m goes to moderate, ? opens the list, the palette takes a page
  await page.locator("h1").click();
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.waitForURL("**/ui/moderate");
  await page.keyboard.press("?");
  await page.locator("[role=dialog] kbd").first().waitFor();
  if (firstLooks) await check("keys");
  await page.keyboard.press("Escape");
  await page.locator("[role=dialog]:visible").waitFor({ state: "hidden" });
  await page.keyboard.press("Control+k");
  await page.locator("[role=combobox]").first().waitFor();
  await page.locator("#jump-list").waitFor();
  if (firstLooks) await check("jump");
  await page.keyboard.press("Escape");
  await page.locator("[role=dialog]:visible").waitFor({ state: "hidden" });
}

/** A session that ends under a writer's hands: back to sign-in, and what was written is still there. */
async function lostSession(page, watch, context) {
  await page.goto(new URL("/ui/moderate", page.url()).href);
  await page.locator("[data-test=kind-text]").click();
  await page.locator("[data-test=text]").fill("half a thought");
  await context.clearCookies();
  watch.expect(401, "/api/v1/");
  await page.locator("[data-test=judge]").click();
  await page.waitForURL("**/ui/sign-in**");
  await step.signIn(page, watch);
  await page.waitForURL("**/ui/moderate");
  assert.equal(await page.locator("[data-test=text]").inputValue(), "half a thought");
}

/** The parts that float: model list, tooltip of the rail, the phone's More, the copied command. */
async function floating(page) {
  await page.goto(new URL("/ui/moderate", page.url()).href);
  await page.locator(".el-select__wrapper").click();
  await page.locator(".el-select-dropdown__item:visible").first().waitFor();
  await picture(page, "float-select");
  await audit(page, "model list", problems);
  await page.locator(".el-select-dropdown__item:visible").first().click();
  await page.setViewportSize({ width: 1024, height: 768 });
  await page.locator("[data-test=nav-history]").hover();
  await page.locator(".el-popper:visible", { hasText: "History" }).waitFor();
  await picture(page, "float-rail");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator(".tabbar button").click();
  await page.locator("[role=dialog]:visible .watch").waitFor();
  await picture(page, "float-more");
  await audit(page, "more", problems);
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.locator("[data-test=me]").click();
  await page.locator("[data-test=sign-out]:visible").waitFor();
  await picture(page, "float-person");
  await audit(page, "person menu", problems);
  await page.keyboard.press("Escape");
  await step.judgeText(page, "it's a \"quoted\" text");
  await page.locator("[data-test=verdict] .vf button").first().click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(command.startsWith("curl ") && command.includes(`it'\\''s a \\"quoted\\" text`), command);
}

/** What goes wrong on the server is said where it belongs, with its number, and can be tried again. */
async function states(page, watch) {
  const broken = { type: "about:blank", title: "Audit", status: 503, code: "audit_unavailable", detail: "", request_id: "req_01M7Z3FHY72821Y7W9MXRWKNTE" };
  const fail = (route) => route.fulfill({ status: 503, contentType: "application/problem+json", headers: { "Retry-After": "7" }, body: JSON.stringify(broken) });
  watch.expect(503, "/api/v1/");
  await page.route("**/api/v1/audit/events?*", fail);
  await page.goto(new URL("/ui/audit", page.url()).href);
  await page.locator("[data-test=error]").first().waitFor();
  assert.ok((await page.locator("[data-test=error]").first().textContent()).includes(broken.request_id));
  await seen(page, "state-error.en-light");
  await page.unroute("**/api/v1/audit/events?*", fail);
  await page.locator("[data-test=error] button").first().click();
  await page.locator("tbody tr").first().waitFor();
  await page.goto(new URL("/ui/audit?actor=nobody.of.that.name", page.url()).href);
  await page.locator("[data-test=clear-filters]").waitFor();
  await seen(page, "state-filtered-empty.en-light");
  await page.locator("[data-test=clear-filters]").click();
  await page.locator("tbody tr").first().waitFor();
  await page.goto(new URL("/ui/history/mod_00000000000000000000000000", page.url()).href);
  watch.expect(404, "/api/v1/moderations/");
  await page.locator("aside [data-test=error]").waitFor();
  await page.goto(new URL("/ui/no-such-page", page.url()).href);
  await page.locator("main a.btn").waitFor();
  await seen(page, "state-unknown.en-light");
  await page.route("**/api/v1/moderations", fail);
  await page.goto(new URL("/ui/moderate", page.url()).href);
  await page.locator("[data-test=text]").fill("kept when it fails");
  await page.keyboard.press("Control+Enter");
  await page.locator("[data-test=error]").first().waitFor();
  assert.equal(await page.locator("[data-test=text]").inputValue(), "kept when it fails");
  await seen(page, "state-not-judged.en-light");
  await page.unroute("**/api/v1/moderations", fail);
}

/** Other roles: only their own pages are there, a foreign address says what is missing, a guest finds a calm page. */
async function otherRoles(page) {
  for (const role of ["reviewer", "guest"]) {
    const status = await page.evaluate(
      async (body) => (await fetch("/api/v1/users", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).status,
      { username: role + ".one", password: step.admin.password, role },
    );
    assert.equal(status, 201, "making a " + role);
  }
  for (const role of ["reviewer", "guest"]) {
    await step.signOut(page);
    await page.locator("[data-test=username]").fill(role + ".one");
    await page.locator("[data-test=password]").fill(step.admin.password);
    await page.keyboard.press("Enter");
    await page.locator("[data-test=me]").waitFor();
    assert.equal(await page.locator("[data-test=nav-audit]").count(), 0, "a missing action is a missing item");
    assert.equal(await page.locator("[data-test=nav-moderate]").count(), role === "reviewer" ? 1 : 0);
    await seen(page, `role-${role}.en-light`);
    await page.goto(new URL("/ui/audit", page.url()).href);
    await page.locator("main h1").waitFor();
    assert.ok((await page.locator("main").textContent()).includes("audit.read"));
    await seen(page, `role-${role}-forbidden.en-light`);
  }
}

const server = process.env.GUARDHOUSE_URL
  ? { url: process.env.GUARDHOUSE_URL, token: process.env.GUARDHOUSE_TOKEN, stop: async () => "", output: () => "" }
  : await startServer(process.env.GUARDHOUSE_BIN ?? assert.fail("GUARDHOUSE_BIN names the binary to test"));
const browser = await openBrowser();
try {
  await watchPolicy(browser.context, problems);
  const page = await browser.context.newPage();
  page.setDefaultTimeout(20_000);
  const watch = watchPage(page);
  const looks = [["en", "light"], ["zh", "dark"], ["zh", "light"], ["en", "dark"]];

  await page.goto(server.url + "/");
  await page.waitForURL("**/ui/setup");
  for (const [language, theme] of looks) {
    await step.look(page, language, theme);
    await seen(page, `setup.${language}-${theme}`);
  }
  await step.look(page, "en", "light");
  await done(step.setUp(page, watch, server.url, server.token));
  await seen(page, "setup-done.en-light");
  await step.enter(page);
  // the first visit of all: the chain is checked without anybody asking
  await done(page.locator("[data-test=watch] .lamp:not(.ring)").waitFor());
  for (const [language, theme] of looks) {
    await step.signOut(page);
    await done(wholeVisit(page, watch, language, theme));
    console.log(`${language} ${theme}: done`);
  }
  await done(live(page, browser.context, problems));
  await page.goto(server.url + "/");
  await page.locator("[data-test=username]").waitFor();
  await step.signIn(page, watch);
  await done(lostSession(page, watch, browser.context));
  await step.look(page, "en", "light");
  await done(floating(page));
  await done(states(page, watch));
  await done(otherRoles(page));
  problems.push(...watch.problems);
  if (watch.problems.length > 0) failed++;
  else passed++;
} catch (e) {
  failed++;
  problems.push("the visit stopped: " + (e.stack ?? e));
  if (process.env.GUARDHOUSE_SCREENSHOTS) await browser.context.pages().at(-1)?.screenshot({ path: process.env.GUARDHOUSE_SCREENSHOTS + "/stopped.png" }).catch(() => {});
} finally {
  await browser.close();
  await server.stop();
}
const unique = [...new Set(problems)];
if (unique.length > 0) {
  console.error(unique.join("\n"));
  failed ||= 1;
  process.exitCode = 1;
}
// The closing line that scripts/stages.py adds up: pages in each look, ways walked to their end, and the quiet console.
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
