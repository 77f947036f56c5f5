// Counts what a person does on a page: acts, keys and characters typed, and the seconds that the program takes.
// `estimate` is how long a practised person needs for the same, by the keystroke-level model (Card, Moran and Newell, 1980).

const seconds = { key: 0.28, point: 1.1, think: 1.35 };

export function hands(page) {
  const count = { clicks: 0, keys: 0, typed: 0, pasted: 0, steps: [], onKeys: false };
  const start = performance.now();
  const step = (what) => count.steps.push(what);
  const has = (field) => field.evaluate((e) => e === document.activeElement);
  /** Goes to a field as people do: it has the focus already, or Tab leads there, or it is pressed. */
  async function reach(field) {
    await page.waitForTimeout(100); // a page that gives a field the focus does so with its first picture
    if (await has(field)) return;
    if (count.onKeys) {
      count.keys++;
      await page.keyboard.press("Tab");
      if (await has(field)) return;
    }
    count.clicks++;
    await field.click();
  }
  return {
    count,
    /** One aimed press. */
    async click(selector, what) {
      step(what);
      count.clicks++;
      count.onKeys = false;
      await page.locator(selector).filter({ visible: true }).first().click();
    },
    /** A field that has the focus, or is pressed first; what is typed counts letter by letter. */
    async type(selector, text, what) {
      step(what);
      const field = page.locator(selector).filter({ visible: true }).first();
      await reach(field);
      count.onKeys = true;
      count.typed += text.length;
      await page.keyboard.type(text);
    },
    /** Text that the person has from somewhere else. */
    async paste(selector, text, what) {
      step(what);
      const field = page.locator(selector).filter({ visible: true }).first();
      await reach(field);
      count.onKeys = true;
      if (await field.evaluate((e) => e.value !== "" && (e.selectionStart !== 0 || e.selectionEnd !== e.value.length))) {
        count.keys++;
        await page.keyboard.press("Control+a");
      }
      count.keys++;
      count.pasted += text.length;
      await page.keyboard.insertText(text);
    },
    async press(key, what) {
      if (what) step(what);
      count.keys++;
      await page.keyboard.press(key);
    },
    /** One line for the log and for docs/walks.md. */
    sum(name) {
      const machine = (performance.now() - start) / 1000;
      const estimate = (count.typed + count.keys) * seconds.key + count.clicks * seconds.point + count.steps.length * seconds.think;
      return `${name}: ${count.steps.length} steps, ${count.clicks} clicks, ${count.keys} keys, ${count.typed} characters typed; ${machine.toFixed(1)} s of the program, about ${Math.round(estimate + machine)} s for a person`;
    },
  };
}
