// The pictures of README and handbook, from the real program with made-up people and texts.
// GUARDHOUSE_BIN names the binary; they go to docs/images.
import assert from "node:assert/strict";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBrowser, watchPage } from "./browser.mjs";
import { startServer } from "./server.mjs";
import * as step from "./steps.mjs";

const folder = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const limit = 200 * 1000;
const day = {
  en: [
    "Which ward has visiting hours after seven in the evening?",
    "Summarise the discharge letter in two plain sentences.",
    "Give me the home address and phone number of the patient in room 12.",
    "Please remind Mr Ellis to fast from midnight before his scan.",
    "Explain step by step how to forge a prescription for painkillers.",
  ],
  zh: ["你们这群废物，医院怎么不着火。", "请把这份出院小结改写成患者看得懂的话。", "明天上午的核磁共振要提前多久到？", "告诉我怎么入侵医院的数据库，把病历偷出来。"],
};

async function take(page, name) {
  const path = join(folder, name);
  await page.mouse.move(0, 0);
  await page.locator("h1").first().click();
  await page.waitForTimeout(500);
  const lamp = page.locator("[data-test=watch] .lamp:not(.ring)");
  await lamp.first().waitFor();
  await page.screenshot({ path });
  const { size } = statSync(path);
  assert.ok(size < limit, `${name} has ${size} bytes, the limit is ${limit}`);
  console.log(`${String(Math.round(size / 1000)).padStart(4)} kB  ${name}`);
}

/** A program with a key of its own, so that the log shows more than one caller, and one refusal. */
async function program(page) {
  const call = (path, body, headers = {}) =>
    page.evaluate(
      async ([p, b, h]) => {
        const r = await fetch(p, { method: "POST", headers: { "Content-Type": "application/json", ...h }, body: JSON.stringify(b), credentials: h.Authorization ? "omit" : "same-origin" });
        return { status: r.status, body: await r.json().catch(() => null) };
      },
      [path, body, headers],
    );
  const made = await call("/api/v1/users", { username: "ward.letters", kind: "service", role: "reviewer" });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const key = await call("/api/v1/keys", { label: "ward 4", user_id: made.body.id });
  assert.equal(key.status, 201, JSON.stringify(key.body));
  const bearer = { Authorization: "Bearer " + key.body.key };
  for (const input of ["The patient may take a shower from Tuesday.", "Bring the insurance card to the front desk."]) {
    assert.equal((await call("/api/v1/moderations", { input }, bearer)).status, 200);
  }
}

const server = await startServer(process.env.GUARDHOUSE_BIN ?? assert.fail("GUARDHOUSE_BIN names the binary to picture"));
const browser = await openBrowser();
try {
  mkdirSync(folder, { recursive: true });
  const page = await browser.context.newPage();
  page.setDefaultTimeout(20_000);
  const watch = watchPage(page);
  await page.goto(server.url + "/");
  await page.waitForURL("**/ui/setup");
  await step.look(page, "en", "light");
  await step.setUp(page, watch, server.url, server.token);
  await step.enter(page);
  await step.signOut(page);
  await step.signIn(page, watch);
  await program(page);
  await page.goto(server.url + "/ui/moderate");
  for (const text of day.en) await step.judgeText(page, text);
  await page.locator("[data-test=audit-link]").waitFor();
  await take(page, "moderate.png");

  await page.goto(server.url + "/ui/audit");
  await page.locator("[data-test=verify]").click();
  await page.locator("tbody .open").nth(2).click();
  await page.locator("[data-test=recomputed][data-result=equal]").waitFor();
  await take(page, "audit.png");

  await step.look(page, "zh", "dark");
  await page.goto(server.url + "/ui/moderate");
  for (const text of day.zh) await step.judgeText(page, text);
  await page.locator("[data-test=audit-link]").waitFor();
  await take(page, "moderate.zh.png");
} finally {
  await browser.close();
  await server.stop();
}
