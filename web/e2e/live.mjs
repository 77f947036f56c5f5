// What happens on the server reaches every tab over one stream, and ends with the session in all of them.
import assert from "node:assert/strict";
import { assertSoon } from "./checks.mjs";
import * as step from "./steps.mjs";

/** Three tabs: one judges, the others offer the new row and move nothing; the second takes the stream over from the first. */
export async function live(page, ctx) {
  const streams = [];
  page.context().on("request", (request) => request.url().includes("/api/v1/events") && streams.push(request.url()));
  await ctx.go("/history", "tbody tr");
  const [reader, judge] = [await ctx.tab("/history"), await ctx.tab("/history")];
  for (const tab of [reader, judge]) await tab.locator("tbody tr").first().waitFor();
  await assertSoon(() => streams.length >= 1, "a stream is open");
  assert.equal(streams.length, 1, "one stream for three tabs: " + streams);
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

  ctx.expect(401, "/api/v1/");
  await step.signOut(judge);
  await reader.waitForURL("**/ui/sign-in**");
}
