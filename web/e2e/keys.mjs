// Runs with the keyboard alone: nothing here moves a pointer or focuses by script.
import assert from "node:assert/strict";

const limit = 120;

/** Presses Tab (or Shift+Tab) until the element has the focus; says how often. It refuses after 120 times. */
export async function tabTo(page, selector, key = "Tab") {
  for (let i = 0; i <= limit; i++) {
    if (await page.evaluate((s) => document.activeElement?.matches(s) || (document.activeElement?.closest(s) ?? null) !== null, selector)) return i;
    await page.keyboard.press(key);
  }
  const at = await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120));
  return assert.fail(`${selector} is not reached with ${key}; the focus is at ${at}`);
}

/** Until `run` is over, a pointer on this page is an error. */
export async function keyboardOnly(page, run) {
  const used = [];
  await page.exposeFunction("ghPointer", (what) => used.push(what));
  await page.addInitScript(() => {
    for (const kind of ["pointerdown", "mousedown", "touchstart"]) addEventListener(kind, (e) => globalThis.ghPointer(kind + " on " + e.target.tagName), { capture: true });
  });
  await page.reload();
  await run();
  assert.deepEqual(used, [], "only keys were used");
}
