// Pictures, axe, and no sideways scrolling, at the three widths.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { sizes } from "./looks.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const out = process.env.GUARDHOUSE_SCREENSHOTS;
if (out) mkdirSync(out, { recursive: true });

/** Returns when fonts are there and nothing that ends is still moving. */
export async function settle(page) {
  await page.evaluate(async () => {
    const frame = () => new Promise((r) => requestAnimationFrame(() => r()));
    await document.fonts.ready;
    await frame();
    const ending = document.getAnimations().filter((a) => Number.isFinite(a.effect?.getComputedTiming().endTime));
    await Promise.race([Promise.allSettled(ending.map((a) => a.finished)), new Promise((r) => setTimeout(r, 1000))]);
    await frame();
  });
}

export async function picture(page, name, options = {}) {
  if (!out) return;
  await settle(page);
  await page.screenshot({ path: join(out, name + ".png"), ...options });
}

const everything = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const colours = { type: "rule", values: ["color-contrast", "link-in-text-block"] };

export async function audit(page, name, problems, rules = everything) {
  await settle(page);
  // Evaluated through the debugger, so the page's own policy stays as it is.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe + ";0");
  const violations = await page.evaluate(async (runOnly) => {
    const result = await globalThis.axe.run(document, { resultTypes: ["violations"], runOnly, preload: false }); // sheets and media: for rules that are not run, and for films
    const why = (n) => n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? "";
    return result.violations.map((v) => ({ impact: v.impact, id: v.id, where: v.nodes.slice(0, 4).map((n) => n.target.join(" ") + " " + why(n)).join(" | ") }));
  }, rules);
  for (const v of violations) if (v.impact === "serious" || v.impact === "critical") problems.push(`axe ${v.impact} on ${name}: ${v.id}: ${v.where}`);
}

/** Letters as far apart as WCAG 1.4.12 allows a reader to set them: wider than any font another machine may have. */
const space = (page, on) =>
  page.evaluate((wide) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(wide ? "* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }" : "");
    document.adoptedStyleSheets = [sheet];
  }, on);

/** How many pixels the page or its main part scrolls sideways, and the element that reaches out furthest. */
export const sideways = (page) =>
  page.evaluate(() => {
    const main = document.querySelector("main");
    const over = Math.max(document.documentElement.scrollWidth - innerWidth, main ? main.scrollWidth - main.clientWidth : 0);
    if (over <= 0) return null;
    const widest = [...document.querySelectorAll("body *")].map((e) => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width > 0 && r.right > innerWidth + 1);
    const [element] = widest.sort((a, b) => b[1].right - a[1].right)[0] ?? [];
    return `by ${over} px${element ? `, most of all <${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}">` : ""}`;
  });

export async function checkSideways(page, name, problems) {
  for (const [width, spaced] of [[390, false], [320, false], [320, true]]) {
    await page.setViewportSize({ width, height: 700 });
    await space(page, spaced);
    await settle(page);
    const over = await sideways(page);
    if (over) problems.push(`${name} scrolls sideways at ${width}${spaced ? " with wide letters" : ""} ${over}`);
  }
  await space(page, false);
}

// A theme changes colours alone, and the middle width arranges parts that the others have: both languages are tried at the
// widest and the smallest, in the other theme the colours at the widest. A run with pictures, or with GH_E2E_FULL, tries everything.
export const full = Boolean(out || process.env.GH_E2E_FULL);
const thorough = (name) => full || /\.(en-light|zh-dark)\b/.test(name);

/** `name` is page.language-theme; the width is added. axe looks at every width, scrolling is tried below the smallest. */
export async function checkPage(page, name, problems) {
  for (const [width, height] of sizes) {
    if (!full && (width === 1024 || (width === 390 && !thorough(name)))) continue;
    await page.setViewportSize({ width, height });
    await page.mouse.move(0, 0);
    await picture(page, `${name}.${width}`);
    await audit(page, `${name}.${width}`, problems, thorough(name) ? everything : colours);
  }
  if (thorough(name)) await checkSideways(page, name, problems);
  await page.setViewportSize({ width: 1440, height: 900 });
  await settle(page);
}

export async function assertSoon(test, what) {
  for (let i = 0; i < 100 && !test(); i++) await new Promise((r) => setTimeout(r, 100));
  assert.ok(test(), what);
}
