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

/** The contexts of a job's pages by person and look: what a browser keeps is fetched once, what a page remembers is cleared. */
function pageContexts(browser, house) {
  const known = new Map();
  return async ({ as }, { look, more = {} }) => {
    const key = JSON.stringify([as, look, more]);
    if (!known.has(key)) {
      const watch = newWatch();
      known.set(key, { watch, context: await lookContext(browser, { url: house.url, cookies: await signedIn(house, as), look, watch, more }) });
    }
    return known.get(key);
  };
}

async function visitPage(contextOf, house, page, result) {
  for (const visit of visits(page)) {
    const { context, watch } = await contextOf(page, visit);
    watch.forget();
    const tab = await context.newPage();
    for (const { look, manner, run } of visit.steps) {
      const name = `${page.name}.${look}${manner ? "." + manner : ""}`;
      const good = await piece(name, result, watch, (problems) => run(tab, { house, watch, name, page, look, problems }));
      if (!good && out) await tab.screenshot({ path: `${out}/stopped.${name}.png` }).catch(() => {});
    }
    await tab.evaluate(() => localStorage.clear()).catch(() => {});
    await tab.close();
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

/** What passed, what failed, every problem by the name of its page, and how long each piece took. A house that does not open fails its job. */
export async function runJob(job, houses, launch) {
  const result = { passed: 0, failed: 0, problems: [], times: [] };
  let browser, house;
  try {
    browser = await launch();
    house = await houses.open({ empty: job.empty });
    const contextOf = pageContexts(browser, house);
    for (const page of job.pages) await visitPage(contextOf, house, page, result);
    for (const way of job.walks) await walk(browser, house, way, result);
  } catch (e) {
    result.failed++;
    result.problems.push(`${job.name}: stopped: ${errorLine(e)}`);
  } finally {
    await browser?.close();
    await house?.close();
  }
  return result;
}
