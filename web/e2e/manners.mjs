// Manners of use beside the four looks: no motion, 200 % zoom, forced colours, paper.
import { picture, settle, sideways } from "./checks.mjs";

/** Under reduced motion nothing runs, and nothing is set up to. */
export async function checkStill(page, name, problems) {
  const moving = await page.evaluate(() => {
    const say = (e) => `<${e.tagName.toLowerCase()} class="${e.getAttribute("class") ?? ""}">`;
    const longest = (list) => Math.max(0, ...list.split(",").map((d) => parseFloat(d) * (d.trim().endsWith("ms") ? 1 : 1000)));
    const running = document.getAnimations().filter((a) => a.playState === "running").map((a) => say(a.effect.target) + " is being animated");
    const set = [...document.querySelectorAll("body *")].filter((e) => {
      const s = getComputedStyle(e);
      return Math.max(longest(s.transitionDuration), s.animationName === "none" ? 0 : longest(s.animationDuration)) > 1;
    });
    return [...running, ...set.map((e) => say(e) + " would move")];
  });
  problems.push(...[...new Set(moving)].slice(0, 5).map((m) => "reduced motion: " + m));
}

/** 200 % zoom of 1440 x 900: the same page in half the room, and everything can still be read and reached. */
export async function checkZoom(page, name, problems) {
  const over = await sideways(page);
  if (over) problems.push("scrolls sideways " + over);
  const lost = await page.evaluate(async () => {
    const say = (e) => `<${e.tagName.toLowerCase()} class="${e.getAttribute("class") ?? ""}"> "${(e.getAttribute("aria-label") ?? e.textContent ?? "").trim().slice(0, 30)}"`;
    const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest("[inert],[aria-hidden=true],.vh-only,.skip");
    const found = [];
    for (const e of document.querySelectorAll("body *")) {
      if (!shown(e)) continue;
      const s = getComputedStyle(e);
      const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
      const cut = own && ["hidden", "clip"].includes(s.overflowX) && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 2;
      if (cut && !e.closest("[title],[aria-label]") && s.textOverflow !== "ellipsis") found.push(say(e) + " is cut off");
    }
    for (const e of document.querySelectorAll("a[href],button,input,select,textarea,summary")) {
      if (!shown(e) || e.disabled) continue;
      e.scrollIntoView({ block: "center", inline: "nearest" });
      const r = e.getBoundingClientRect();
      if (r.width < 2 || r.height < 2) continue;
      const top = document.elementFromPoint(r.left + r.width / 2, Math.min(r.top + r.height / 2, r.top + 60));
      if (!top || !(e.contains(top) || top.contains(e) || e.closest("label,.inp,.el-select__wrapper")?.contains(top) || e.parentElement.contains(top))) found.push(say(e) + " cannot be brought into view: " + (top ? say(top) + " stands there" : "it is outside the window"));
    }
    const bars = [...document.querySelectorAll("body *")].filter((e) => ["fixed", "sticky"].includes(getComputedStyle(e).position) && shown(e) && !e.closest("[role=dialog],th"));
    const taken = bars.map((e) => e.getBoundingClientRect()).filter((r) => r.width > innerWidth / 2).reduce((n, r) => n + Math.max(0, Math.min(r.bottom, innerHeight) - Math.max(r.top, 0)), 0);
    if (taken > innerHeight / 2) found.push(`bars take ${Math.round(taken)} of ${innerHeight} px`);
    document.querySelector("main")?.scrollTo(0, 0);
    scrollTo(0, 0);
    return found;
  });
  problems.push(...[...new Set(lost)].slice(0, 8));
  await picture(page, name);
}

/** In a reader's own two or three colours buttons and fields keep an edge, and icons and words differ from what is behind them. */
export async function checkForcedColours(page, name, problems) {
  await page.emulateMedia({ forcedColors: "active" });
  await settle(page);
  const found = await page.evaluate(() => {
    const say = (e) => `<${e.tagName.toLowerCase()} class="${e.getAttribute("class") ?? ""}"> "${(e.getAttribute("aria-label") ?? e.textContent ?? "").trim().slice(0, 30)}"`;
    const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getBoundingClientRect().width > 2;
    const clear = (c) => c === "transparent" || c === "rgba(0, 0, 0, 0)";
    const behind = (e) => { for (let p = e; p; p = p.parentElement) { const c = getComputedStyle(p).backgroundColor; if (!clear(c)) return c; } return "rgb(255, 255, 255)"; };
    const list = [];
    for (const e of document.querySelectorAll(".btn,.inp,input:not([type=hidden]):not(.el-select__input),select,textarea")) {
      const framed = (x) => { const s = getComputedStyle(x); return parseFloat(s.borderTopWidth) > 0 && s.borderTopStyle !== "none" || parseFloat(s.outlineWidth) > 0 && s.outlineStyle !== "none"; };
      const own = /^(checkbox|radio)$/.test(e.type) && getComputedStyle(e).appearance !== "none"; // the browser draws the box
      if (shown(e) && !own && ![e, e.parentElement, e.parentElement?.parentElement].some((x) => x && framed(x))) list.push(say(e) + " has no edge");
    }
    for (const e of document.querySelectorAll("main svg,nav svg,header svg")) {
      const s = getComputedStyle(e);
      if (shown(e) && s.stroke === behind(e.parentElement) && (s.fill === "none" || s.fill === behind(e.parentElement))) list.push(say(e.parentElement) + " has an icon in the colour behind it");
    }
    for (const e of document.querySelectorAll("button,a[href],h1,h2,td,th,p,dt,dd"))
      if (shown(e) && e.textContent.trim() && getComputedStyle(e).color === behind(e)) list.push(say(e) + " has words in the colour behind them");
    return list;
  });
  problems.push(...[...new Set(found)].slice(0, 8).map((f) => "forced colours: " + f));
  await picture(page, name + ".forced");
  await page.emulateMedia({ forcedColors: null });
}

/** On paper: only the page itself, dark on white, nothing cut off at the side or at the foot. */
export async function checkPrint(page, name, problems) {
  await page.setViewportSize({ width: 794, height: 1123 }); // A4 at 96 dpi
  await page.emulateMedia({ media: "print" });
  await settle(page);
  const over = await sideways(page);
  if (over) problems.push("paper is too narrow " + over);
  const found = await page.evaluate(() => {
    const list = [];
    for (const e of document.querySelectorAll("nav,.nav,.top,.tabbar,.skip,[role=dialog]")) if (e.checkVisibility() && e.getBoundingClientRect().height > 2 && e.getBoundingClientRect().right > 0) list.push(`<${e.tagName.toLowerCase()} class="${e.className}"> is printed`);
    const light = (c) => { const [r, g, b, a = 1] = (c.match(/[\d.]+/g) ?? []).map(Number); return a === 0 || 0.2126 * r + 0.7152 * g + 0.0722 * b > 200; };
    for (const e of [document.documentElement, document.body, document.querySelector("main")]) if (e && !light(getComputedStyle(e).backgroundColor)) list.push("the paper is dark");
    const h1 = document.querySelector("h1");
    if (!h1 || light(getComputedStyle(h1).color)) list.push("the title is not dark on the paper");
    for (const e of document.querySelectorAll("main,main *")) if (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight + 2 && e.clientHeight > 40) list.push(`<${e.tagName.toLowerCase()} class="${e.className}"> is cut off at its foot`);
    return list;
  });
  problems.push(...[...new Set(found)].slice(0, 8));
  await picture(page, name, { fullPage: true });
  await page.emulateMedia({ media: null });
}
