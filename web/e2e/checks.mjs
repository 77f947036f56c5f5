// Pictures, axe, and no sideways scrolling, at the three widths.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sizes = [[1440, 900], [1024, 768], [390, 844]];
const out = process.env.GUARDHOUSE_SCREENSHOTS;
if (out) mkdirSync(out, { recursive: true });

export async function picture(page, name) {
  await page.waitForTimeout(300);
  if (out) await page.screenshot({ path: join(out, name + ".png") });
}

export async function audit(page, name, problems) {
  // Evaluated through the debugger, so the page's own policy stays as it is.
  await page.evaluate(axe + ";0");
  const result = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const v of result.violations) {
    if (v.impact !== "serious" && v.impact !== "critical") continue;
    problems.push(`axe ${v.impact} on ${name}: ${v.id}: ${v.nodes.slice(0, 4).map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? "")).join(" | ")}`);
  }
  return result.violations.map((v) => `${v.impact} ${v.id} ${v.nodes[0]?.target.join(" ")}`);
}

/** Letters as far apart as WCAG 1.4.12 allows a reader to set them: wider than any font another machine may have. */
const space = (page, on) =>
  page.evaluate((wide) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(wide ? "* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }" : "");
    document.adoptedStyleSheets = [sheet];
  }, on);

export async function checkPage(page, name, problems) {
  const minor = new Set();
  for (const [width, height] of sizes) {
    // The middle width arranges the same parts anew: a picture of it is for people, axe finds nothing else there.
    if (width === 1024 && !out) continue;
    await page.setViewportSize({ width, height });
    await page.mouse.move(0, 0);
    await page.waitForTimeout(out ? 350 : 150);
    if (out) await page.screenshot({ path: join(out, `${name}.${width}.png`) });
    if (width !== 1024) (await audit(page, `${name} ${width}`, problems)).forEach((m) => minor.add(m));
  }
  for (const [width, spaced] of [[390, false], [320, false], [320, true]]) {
    await page.setViewportSize({ width, height: 700 });
    await space(page, spaced);
    await page.waitForTimeout(100);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    const inner = await page.evaluate(() => {
      const m = document.querySelector("main");
      return m ? m.scrollWidth - m.clientWidth : 0;
    });
    if (wide > 0 || inner > 0) problems.push(`${name} scrolls sideways at ${width}${spaced ? " with wide letters" : ""} by ${Math.max(wide, inner)} px`);
  }
  await space(page, false);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.waitForTimeout(150);
  return [...minor];
}
