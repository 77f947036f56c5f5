// The visits that every page gets: four looks, and the manners in which people use it.
import assert from "node:assert/strict";
import { checkPage, full, settle } from "./checks.mjs";
import { checkFocus } from "./focus.mjs";
import { languageOf, looks, themeOf } from "./looks.mjs";
import { checkForcedColours, checkPrint, checkStill, checkZoom } from "./manners.mjs";

const wanted = process.env.GH_E2E_LOOKS?.split(",") ?? looks;

async function arrive(tab, { house, page, look, watch }) {
  await tab.goto(house.url + "/ui" + (typeof page.path === "function" ? page.path(house) : page.path));
  await tab.locator(page.ready).filter({ visible: true }).first().waitFor();
  if (page.as !== "nobody") assert.ok(!tab.url().includes("/ui/sign-in"), "signed in as " + page.as);
  assert.equal(await tab.getAttribute("html", "lang"), languageOf(look) === "zh" ? "zh-CN" : "en");
  assert.ok(await tab.evaluate((t) => document.documentElement.classList.contains(t), themeOf(look)), "the theme is " + themeOf(look));
  await page.prepare?.(tab, { house, look, language: languageOf(look), expect: watch.expect });
  await settle(tab);
}

const reduced = { reducedMotion: "reduce" };
const zoomed = { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 };

/** What is looked at, in the order in which one load can show it: Tab comes last, for it leaves menus open. `more` is for a context of its own. */
const steps = (page) => [
  { look: "en-light", check: checkPage, also: checkForcedColours },
  { look: "en-light", manner: "zoom", check: checkZoom, more: zoomed, enter: zoom },
  ...(page.print ? [{ look: "en-light", manner: "print", check: checkPrint }] : []),
  { look: "en-dark", check: checkPage, also: checkStill, more: reduced, enter: still },
  { look: "en-light", manner: "focus", check: checkFocus, more: reduced, enter: still },
  { look: "zh-dark", check: checkPage },
  ...(page.print ? [{ look: "zh-dark", manner: "print", check: checkPrint }] : []),
  { look: "zh-light", check: checkPage },
];

const still = (tab) => tab.emulateMedia(reduced);

/** The room that is left; that each pixel of it is four of the screen needs a context of its own, as a full run has it. */
const zoom = (tab) => tab.setViewportSize(zoomed.viewport);

/** The other theme, as the switch sets it: a class on the root. */
async function dress(tab, look) {
  await tab.setViewportSize({ width: 1440, height: 900 });
  await tab.evaluate((theme) => {
    document.documentElement.classList.remove("light", "dark");
    document.documentElement.classList.add(theme);
  }, themeOf(look));
}

/** Looks at one step on a tab that is there already, or that comes first. */
const runner = (step, first) => async (tab, at) => {
  if (first) {
    await arrive(tab, at);
  } else {
    await dress(tab, step.look);
    await step.enter?.(tab);
    await settle(tab);
  }
  await step.check(tab, at.name, at.problems);
  await step.also?.(tab, at.name, at.problems);
};

/** The loads of a page, each with its steps: one for each language, or in a full run one for each step. */
export function visits(page) {
  const asked = steps(page).filter((s) => wanted.includes(s.look));
  const loads = full ? asked.map((s) => [s]) : ["en", "zh"].map((language) => asked.filter((s) => languageOf(s.look) === language)).filter((load) => load.length > 0);
  return loads.map((load) => ({
    look: load[0].look,
    more: load[0].more,
    steps: load.map((s, i) => ({ look: s.look, manner: s.manner, run: runner(s, i === 0) })),
  }));
}
