// One Chromium, contexts with a look and a person, and pages that report everything a visitor should never cause.
import { chromium } from "playwright-core";

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const common = { ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "Asia/Shanghai", permissions: ["clipboard-read", "clipboard-write"] };

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: flags, headless: true });

/** A browser with one plain context, for scripts that take their pictures themselves. */
export async function openBrowser() {
  const browser = await launch();
  return { context: await browser.newContext(common), close: () => browser.close() };
}

/** What went wrong on the pages that it watches. `expect(status, path)` announces refusals that the test itself provokes, 0 for no answer. */
export function newWatch() {
  const problems = [];
  const expected = [];
  const announced = (status, url) => expected.some((e) => e.status === status && url.includes(e.path));
  const on = (page) => {
    page.on("console", (m) => {
      if (m.type() !== "error" && m.type() !== "warning") return;
      const refused = /status of (\d{3})/.exec(m.text());
      if (refused && announced(Number(refused[1]), m.location().url)) return;
      if (m.text().includes("net::ERR_") && announced(0, m.location().url)) return;
      problems.push(`console ${m.type()}: ${m.text()} (${m.location().url})`);
    });
    page.on("pageerror", (e) => problems.push("page error: " + e.message));
    page.on("requestfailed", (r) => {
      const why = r.failure()?.errorText ?? "";
      if (why !== "net::ERR_ABORTED" && !announced(0, r.url())) problems.push(`request failed: ${r.method()} ${r.url()} ${why}`);
    });
    page.on("response", (r) => {
      if (r.status() >= 400 && !announced(r.status(), r.url())) problems.push(`answer ${r.status()}: ${r.request().method()} ${r.url()}`);
    });
    return page;
  };
  const forget = () => expected.splice(0);
  return { problems, on, forget, expect: (status, path) => expected.push({ status, path }) };
}

export function watchPage(page) {
  const watch = newWatch();
  watch.on(page);
  return watch;
}

/** Policy violations are collected in the page itself from its first moment on. */
async function watchPolicy(context, problems) {
  await context.exposeFunction("ghViolation", (text) => problems.push("policy violation: " + text));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => globalThis.ghViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
  });
}

/** A context in a look ("en-light"), signed in with the cookies given; its pages report to the watch. */
export async function lookContext(browser, { url, cookies = [], look, watch, more = {} }) {
  const [language, theme] = look.split("-");
  const remembered = { "gh.theme": theme, "gh.language": language === "zh" ? "zh-CN" : "en", ...(cookies.length > 0 ? { "gh.signed-in": "1" } : {}) };
  const context = await browser.newContext({ ...common, ...more });
  context.setDefaultTimeout(20_000);
  await context.addCookies(cookies);
  // Once, on the first page: storage given to a new context costs it a page load of its own.
  await context.addInitScript(([origin, items]) => {
    if (location.origin !== origin || localStorage.getItem("gh.theme") !== null) return;
    for (const [key, value] of Object.entries(items)) localStorage.setItem(key, value);
  }, [url, remembered]);
  context.on("page", watch.on);
  await watchPolicy(context, watch.problems);
  return context;
}
