// Tab goes through everything, in reading order, and what has the focus shows it and is not covered.
import { sizes } from "./looks.mjs";

/** Runs in the page. Helpers of the checks below, kept on globalThis for one visit. */
function install() {
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: false }) && !e.closest("[inert],[aria-hidden=true]");
  const scope = () => [...document.querySelectorAll("[aria-modal=true]")].filter(shown).at(-1) ?? document.body;
  const frame = (e) => e.closest("label,.inp,.el-select__wrapper") ?? e.parentElement;
  const box = (e) => {
    const r = e.getBoundingClientRect();
    if (r.width > 1 && r.height > 1) return r;
    return frame(e).getBoundingClientRect(); // an input behind a drawn box
  };
  const label = (e) => `<${e.tagName.toLowerCase()}${e.dataset.test ? ` data-test=${e.dataset.test}` : ""}> "${(e.getAttribute("aria-label") ?? e.textContent ?? "").trim().slice(0, 30)}"`;
  const tabbable = () => [...scope().querySelectorAll("a[href],button,input,select,textarea,summary,[tabindex]")].filter((e) => e.tabIndex >= 0 && !e.disabled && shown(e) && !(e.type === "radio" && !e.checked));
  const parts = (e) => [...new Set([e, e.parentElement, e.parentElement?.parentElement, frame(e)])].filter(Boolean);
  const dress = (e) => parts(e).map((p) => { const s = getComputedStyle(p); return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor].join(); }).join("|");
  const floats = (e) => { for (let p = e; p && p !== document.body; p = p.parentElement) if (["fixed", "sticky", "absolute"].includes(getComputedStyle(p).position)) return true; return false; };
  /** Whether b, which comes later, is read before a: above it and not right of it, or left of it in one line. Columns may follow in any order. */
  const before = (a, b) => {
    const common = (() => { let c = a; while (!c.contains(b)) c = c.parentElement; return c; })();
    if (common === a || common === b || floats(a) || floats(b)) return false;
    const child = (e) => { while (e.parentElement !== common) e = e.parentElement; return box(e); };
    const [x, y] = [child(a), child(b)];
    if (y.bottom <= x.top + 1) return y.left < x.right - 1;
    if (Math.min(x.height, y.height) > 120) return false;
    const line = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > Math.min(x.height, y.height) / 2;
    return line && y.right <= x.left + 1;
  };
  const covered = (e) => {
    const r = box(e);
    const fills = r.top < 0 && r.bottom > innerHeight; // a long list, of which the browser shows the middle
    const [x, y] = [r.left + r.width / 2, fills ? innerHeight / 2 : r.top + Math.min(r.height / 2, 60)];
    if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return "outside the window";
    const top = document.elementFromPoint(x, y);
    if (!top || e.contains(top) || top.contains(e) || top.closest("label")?.contains(e)) return null;
    return frame(e)?.contains(top) ? null : "covered by " + label(top);
  };
  const state = { last: null, dressed: "", reached: new Set(), found: [], begun: false, done: false };
  /** Looks at what has the focus; true while there is something new. */
  const step = () => {
    document.body.getBoundingClientRect(); // styles are computed, and what they set moving ends now
    for (const a of document.getAnimations()) if (Number.isFinite(a.effect?.getComputedTiming().endTime)) a.finish();
    const e = document.activeElement;
    if (state.last && state.last.isConnected && state.last !== e && dress(state.last) === state.dressed) state.found.push(`${label(state.last)} does not show that it has the focus`);
    if (e && e === state.last && e.matches("input[type=date],input[type=time],input[type=datetime-local]")) return true; // from its day to its month
    if (!e || e === document.body || e === document.documentElement || state.reached.has(e)) return false;
    const hidden = covered(e);
    if (hidden) state.found.push(`${label(e)} has the focus and is ${hidden}`);
    if (state.last?.isConnected && before(state.last, e)) state.found.push(`${label(e)} comes after ${label(state.last)} and is read before it`);
    state.reached.add(e);
    state.last = e;
    state.dressed = dress(e);
    return true;
  };
  /** Before Tab goes on, where it has come to is looked at: nobody has to ask after each press. */
  const onTab = (event) => {
    if (event.key !== "Tab" || state.done) return;
    if (state.begun) state.done = !step();
    state.begun = true;
  };
  globalThis.ghFocus = {
    begin: () => {
      if (scope() === document.body) {
        document.body.tabIndex = -1; // where Tab starts from is the last place clicked, until something else has the focus
        document.body.focus();
        document.body.removeAttribute("tabindex");
      }
      for (const e of tabbable()) if (e.tabIndex > 0) state.found.push(`${label(e)} has a tabindex of its own`);
      addEventListener("keydown", onTab, { capture: true });
    },
    isDone: () => state.done,
    end: () => {
      removeEventListener("keydown", onTab, { capture: true });
      for (const e of tabbable()) if (!state.reached.has(e) && ![...state.reached].some((r) => r.getAttribute("role") === "radio" && r.parentElement === e.parentElement)) state.found.push(`${label(e)} is not reached with Tab`);
      return [state.found, state.reached.size];
    },
  };
}

const most = 400;
const frames = () => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r())));

/** Presses Tab to the end, several times at once or, patiently, with two frames after each. Answers what is wrong, and how many were reached. */
async function tabThrough(page, batch) {
  await page.mouse.move(0, 0);
  await page.evaluate(install);
  await page.evaluate(() => globalThis.ghFocus.begin());
  for (let i = 0; i < most && !(await page.evaluate(() => globalThis.ghFocus.isDone())); i += batch) {
    await Promise.all(Array.from({ length: batch }, () => page.keyboard.press("Tab")));
    if (batch === 1) await page.evaluate(frames);
  }
  return page.evaluate(() => globalThis.ghFocus.end());
}

export async function checkFocus(page, name, problems) {
  for (const [width, height] of [sizes[0], sizes[2]]) {
    await page.setViewportSize({ width, height });
    let [found, reached] = await tabThrough(page, 10);
    if (found.length > 0 || reached === 0) [found, reached] = await tabThrough(page, 1); // what is wrong is wrong for slow fingers
    if (reached === 0) problems.push(`at ${width}: nothing can be reached with Tab`);
    problems.push(...[...new Set(found)].slice(0, 8).map((f) => `at ${width}: ${f}`));
  }
}
