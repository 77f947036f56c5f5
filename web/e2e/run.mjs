// The end-to-end run: every pages/AREA.mjs against the real program in real Chromium.
//   GUARDHOUSE_BIN          the program to test
//   GUARDHOUSE_SCREENSHOTS  a folder for pictures, page.language-theme.width.png (optional)
//   GH_E2E_ONLY             areas, or AREA/NAME of single pages and walks, separated by commas (optional)
//   GH_E2E_LOOKS            looks such as en-light,zh-dark (optional: all four)
//   GH_E2E_FULL             every width and sideways scroll in all four looks (optional; pictures mean it too)
//   GH_E2E_TIMES            how many of the slowest pieces are told at the end (optional: 0)
//   GH_E2E_WORKERS          jobs side by side (optional: 2)
import assert from "node:assert/strict";
import { readAreas } from "./areas.mjs";
import { launch } from "./browser.mjs";
import { housing } from "./houses.mjs";
import { runJob } from "./job.mjs";

const binary = process.env.GUARDHOUSE_BIN ?? assert.fail("GUARDHOUSE_BIN names the program to test");
const jobs = await readAreas(process.env.GH_E2E_ONLY);
const workers = Number(process.env.GH_E2E_WORKERS ?? 2);
const houses = housing(binary);
const start = Date.now();
const seconds = (since) => ((Date.now() - since) / 1000).toFixed(0).padStart(4) + " s";
const tally = { passed: 0, failed: 0 };
const problems = new Set();
const times = [];

/** One browser for all jobs of a worker, another where it fell over. */
async function work() {
  let browser = await launch();
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    const began = Date.now();
    if (!browser.isConnected()) browser = await launch();
    const found = await runJob(job, houses, browser);
    tally.passed += found.passed;
    tally.failed += found.failed;
    times.push(...found.times);
    found.problems.forEach((p) => problems.add(p));
    console.log(`${seconds(began)}  ${job.name}: ${found.passed} good, ${found.failed} not`);
  }
  await browser.close();
}

await Promise.all(Array.from({ length: workers }, work));
await houses.close();
for (const problem of problems) console.error(problem);
if (problems.size > 0 || tally.passed === 0) {
  tally.failed ||= 1;
  process.exitCode = 1;
}
for (const { name, ms } of times.sort((a, b) => b.ms - a.ms).slice(0, Number(process.env.GH_E2E_TIMES ?? 0))) console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${name}`);
console.log(`${seconds(start)}  in all`);
// The closing line that scripts/stages.py adds up: pages in each look and manner, and ways walked to their end.
console.log(`${tally.passed} passed, ${tally.failed} failed, 0 skipped`);
