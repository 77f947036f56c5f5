// What happens on the server reaches every tab over one stream, and ends with the session in all of them.
import assert from "node:assert/strict";
import { watchPage } from "./browser.mjs";
import * as step from "./steps.mjs";

const onHistory = (page) => page.goto(new URL("/ui/history", page.url()).href).then(() => page.locator("tbody tr").first().waitFor());

/** Three tabs: one judges, the others offer the new row and move nothing; the second takes the stream over from the first. */
export async function live(page, context, problems) {
  const streams = [];
  const count = (request) => request.url().includes("/api/v1/events") && streams.push(request.url());
  context.on("request", count);
  await onHistory(page);
  const tabs = [await context.newPage(), await context.newPage()];
  const watches = tabs.map(watchPage);
  for (const tab of tabs) {
    tab.setDefaultTimeout(20_000);
    await tab.goto(page.url());
    await tab.locator("tbody tr").first().waitFor();
  }
  await assertSoon(() => streams.length >= 1, "a stream is open");
  assert.equal(streams.length, 1, "one stream for three tabs: " + streams);
  const [reader, judge] = tabs;
  await judge.goto(new URL("/ui/moderate", page.url()).href);
  const first = await reader.locator("tbody tr button").first().getAttribute("data-row");
  const verdict = await step.judgeText(judge, "seen in another tab");
  for (const tab of [page, reader]) await tab.locator("[data-test=fresh]").waitFor();
  assert.equal(await reader.locator("tbody tr button").first().getAttribute("data-row"), first, "nothing moves under the reader");
  await reader.locator("[data-test=fresh]").click();
  await reader.locator(`[data-row="${verdict.id}"]`).waitFor();
  await reader.locator("[data-test=fresh]").waitFor({ state: "detached" });

  // The tab with the stream leaves: another goes on from the last id, and misses nothing.
  await page.goto("about:blank");
  await assertSoon(() => streams.length === 2, "another tab takes over");
  assert.match(streams[1], /after=\d+/);
  await step.judgeText(judge, "seen after the first tab left");
  await reader.locator("[data-test=fresh]").waitFor();

  for (const watch of watches) watch.expect(401, "/api/v1/");
  await step.signOut(judge);
  await reader.waitForURL("**/ui/sign-in**");
  for (const tab of tabs) await tab.close();
  context.off("request", count);
  problems.push(...watches.flatMap((w) => w.problems));
}

async function assertSoon(test, what) {
  for (let i = 0; i < 100 && !test(); i++) await new Promise((r) => setTimeout(r, 100));
  assert.ok(test(), what);
}
