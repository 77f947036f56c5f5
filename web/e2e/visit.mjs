// The visits that every page gets: four looks, and the manners in which people use it.
import assert from "node:assert/strict";
import { checkPage, settle } from "./checks.mjs";
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

/** One load each: a page that was zoomed, printed or tabbed through is not the page of the next check. */
export function visits(page) {
  const inLook = (look, more, also) => ({
    look,
    more,
    run: async (tab, at) => {
      await arrive(tab, at);
      await checkPage(tab, at.name, at.problems);
      await also?.(tab, at.name, at.problems);
    },
  });
  const manner = (look, name, check, more) => ({
    look,
    manner: name,
    more,
    run: async (tab, at) => {
      await arrive(tab, at);
      await check(tab, at.name, at.problems);
    },
  });
  const all = [
    inLook("en-light", {}, checkForcedColours),
    inLook("zh-dark", {}),
    inLook("zh-light", {}),
    inLook("en-dark", { reducedMotion: "reduce" }, checkStill),
    manner("en-light", "focus", checkFocus, { reducedMotion: "reduce" }),
    manner("en-light", "zoom", checkZoom, { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 }),
  ];
  if (page.print) all.push(manner("en-light", "print", checkPrint), manner("zh-dark", "print", checkPrint));
  return all.filter((v) => wanted.includes(v.look));
}
