// First load as a browser has it, with an empty cache, once for each group of addresses: everything that came over the wire with
// gzip counts, answers of the API included. Over the limit fails; requests, the time until the page is ready and long tasks are told.
// GUARDHOUSE_BIN names the program, GH_E2E_ONLY areas.
import assert from "node:assert/strict";
import { readAreas } from "./areas.mjs";
import { launch, lookContext, newWatch } from "./browser.mjs";
import { openHouse } from "./house.mjs";

// The budget of 300 kB is for scripts; styles, icons and the house's own data come on top here.
const limit = 310 * 1000;
const binary = process.env.GUARDHOUSE_BIN ?? assert.fail("GUARDHOUSE_BIN names the program to measure");

/** One page of each group: /audit and /audit/evt_1 are one. */
function groups(jobs) {
  const found = new Map();
  for (const { pages, empty } of jobs) {
    for (const page of pages) {
      if (typeof page.path !== "string" || page.budget === false) continue;
      const group = page.path.split(/[/?#]/)[1];
      if (!found.has(group)) found.set(group, { ...page, group, empty });
    }
  }
  return [...found.values()].sort((a, b) => a.group.localeCompare(b.group));
}

async function measure(browser, house, page) {
  const cookies = page.as === "nobody" ? [] : await house.roles[page.as].cookies();
  const watch = newWatch();
  const context = await lookContext(browser, { url: house.url, cookies, look: "en-light", watch });
  await context.addInitScript(() => {
    globalThis.ghLong = [];
    new PerformanceObserver((list) => globalThis.ghLong.push(...list.getEntries().map((e) => e.duration))).observe({ type: "longtask", buffered: true });
  });
  const tab = await context.newPage();
  const wire = await context.newCDPSession(tab);
  await wire.send("Network.enable");
  await wire.send("Network.setCacheDisabled", { cacheDisabled: false });
  await wire.send("Network.setExtraHTTPHeaders", { headers: { "Accept-Encoding": "gzip" } });
  const found = { bytes: 0, requests: 0, encodings: new Set() };
  wire.on("Network.requestWillBeSent", () => found.requests++);
  wire.on("Network.responseReceived", ({ response }) => found.encodings.add(response.headers["content-encoding"] ?? response.headers["Content-Encoding"] ?? "none"));
  wire.on("Network.loadingFinished", ({ encodedDataLength }) => (found.bytes += encodedDataLength));
  const start = performance.now();
  await tab.goto(house.url + "/ui" + page.path);
  await tab.locator(page.ready).filter({ visible: true }).first().waitFor();
  found.ms = performance.now() - start;
  await tab.waitForTimeout(500); // what is fetched once the page is there is part of its first load
  found.long = await tab.evaluate(() => globalThis.ghLong);
  assert.ok(!found.encodings.has("br") && found.encodings.has("gzip"), "the server was asked for gzip");
  await context.close();
  return found;
}

const jobs = await readAreas(process.env.GH_E2E_ONLY);
const browser = await launch();
const houses = {};
let failed = 0;
let passed = 0;
try {
  console.log("     kB  requests  ready ms  long tasks  page");
  for (const page of groups(jobs)) {
    const house = (houses[page.empty] ??= await openHouse(binary, { empty: page.empty }));
    const { bytes, requests, ms, long } = await measure(browser, house, page);
    const over = bytes > limit || bytes === 0;
    if (over) failed++;
    else passed++;
    const longest = long.length > 0 ? ` (${Math.round(Math.max(...long))} ms)` : "";
    console.log(`${(bytes / 1000).toFixed(1).padStart(7)}  ${String(requests).padStart(8)}  ${ms.toFixed(0).padStart(8)}  ${(long.length + longest).padStart(10)}  /${page.group}${over ? `  over ${limit / 1000} kB` : ""}`);
  }
} finally {
  await browser.close();
  for (const house of Object.values(houses)) await house.close();
}
if (failed > 0) process.exitCode = 1;
console.log(`${passed} passed, ${failed} failed`);
