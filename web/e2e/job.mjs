// One job: the pages of an area in every look and manner, or its walks, in a house of its own.
import { lookContext, newWatch } from "./browser.mjs";
import { out } from "./checks.mjs";
import { walkContext } from "./context.mjs";
import { visits } from "./visit.mjs";

const errorLine = (e) => String(e.stack ?? e).split("\n").filter((l) => !l.includes("node_modules")).slice(0, 8).join("\n");

/** Runs one piece of the job; what its pages reported counts as its failure. */
async function piece(name, result, watch, run) {
  const problems = [];
  const began = Date.now();
  try {
    await run(problems);
  } catch (e) {
    problems.push("stopped: " + errorLine(e));
  }
  problems.push(...watch.problems.splice(0));
  result.times.push({ name, ms: Date.now() - began });
  if (problems.length > 0) result.failed++;
  else result.passed++;
  result.problems.push(...problems.map((p) => `${name}: ${p}`));
  return problems.length === 0;
}

const signedIn = async (house, as) => (as === "nobody" ? [] : house.roles[as].cookies());

/** The tabs of a job's pages by person and look: what a browser keeps is fetched once, what a page remembers is cleared. */
function pageTabs(browser, house) {
  const known = new Map();
  return async ({ as }, { look, more = {} }) => {
    const key = JSON.stringify([as, look, more]);
    if (!known.has(key)) {
      const watch = newWatch();
      const context = await lookContext(browser, { url: house.url, cookies: await signedIn(house, as), look, watch, more });
      known.set(key, { watch, tab: await context.newPage() });
    }
    return known.get(key);
  };
}

/** A tab as it was when it was opened. */
async function leave(tab, { more = {} }) {
  await tab.evaluate(() => (localStorage.clear(), sessionStorage.clear())).catch(() => {});
  await tab.goto("about:blank");
  await tab.unrouteAll({ behavior: "ignoreErrors" });
  await tab.emulateMedia({ media: null, forcedColors: null, reducedMotion: more.reducedMotion ?? null });
  await tab.setViewportSize(more.viewport ?? { width: 1440, height: 900 });
}

async function visitPage(tabOf, house, page, result) {
  for (const visit of visits(page)) {
    const { tab, watch } = await tabOf(page, visit);
    watch.forget();
    for (const { look, manner, run } of visit.steps) {
      const name = `${page.name}.${look}${manner ? "." + manner : ""}`;
      const good = await piece(name, result, watch, (problems) => run(tab, { house, watch, name, page, look, problems }));
      if (!good && out) await tab.screenshot({ path: `${out}/stopped.${name}.png` }).catch(() => {});
    }
    await leave(tab, visit);
  }
}

async function walk(browser, house, way, result) {
  const watch = newWatch();
  const look = way.look ?? "en-light";
  const contexts = [];
  const open = async (as, more = {}) => {
    const context = await lookContext(browser, { url: house.url, cookies: await signedIn(house, as), look, watch, more });
    contexts.push(context);
    return context;
  };
  const page = await (await open(way.as ?? "admin")).newPage();
  const good = await piece(way.name, result, watch, (problems) => way.run(page, walkContext({ page, house, watch, look, problems, open, result })));
  if (!good && out) await page.screenshot({ path: `${out}/stopped.${way.name}.png` }).catch(() => {});
  for (const context of contexts) await context.close();
}

/**
 * What passed, what failed, every problem by the name of its page, and how long each piece took. A house that does not open fails its
 * job. The browser is left as it was: without contexts.
 */
export async function runJob(job, houses, browser) {
  const result = { passed: 0, failed: 0, problems: [], times: [] };
  let house;
  try {
    house = await houses.open({ empty: job.empty });
    const tabOf = pageTabs(browser, house);
    for (const page of job.pages) await visitPage(tabOf, house, page, result);
    for (const way of job.walks) await walk(browser, house, way, result);
  } catch (e) {
    result.failed++;
    result.problems.push(`${job.name}: stopped: ${errorLine(e)}`);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close().catch(() => {})));
    await house?.close();
  }
  return result;
}
