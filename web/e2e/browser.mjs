// One Chromium with an empty profile, and pages that report everything a visitor should never cause.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function openBrowser() {
  const profile = mkdtempSync(join(tmpdir(), "guardhouse-e2e-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: flags,
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** What went wrong on a page. `expect(status, path)` announces one refusal that the test itself provokes. */
export function watchPage(page) {
  const problems = [];
  const expected = [];
  const take = (status, url) => {
    const i = expected.findIndex((e) => e.status === status && url.includes(e.path));
    return i >= 0;
  };
  page.on("console", (m) => {
    if (m.type() !== "error" && m.type() !== "warning") return;
    const refused = /status of (\d{3})/.exec(m.text());
    if (refused && take(Number(refused[1]), m.location().url)) return;
    problems.push(`console ${m.type()}: ${m.text()} (${m.location().url})`);
  });
  page.on("pageerror", (e) => problems.push("page error: " + e.message));
  page.on("requestfailed", (r) => {
    const why = r.failure()?.errorText ?? "";
    if (why !== "net::ERR_ABORTED") problems.push(`request failed: ${r.method()} ${r.url()} ${why}`);
  });
  page.on("response", (r) => {
    if (r.status() >= 400 && !take(r.status(), r.url())) problems.push(`answer ${r.status()}: ${r.request().method()} ${r.url()}`);
  });
  return { problems, expect: (status, path) => expected.push({ status, path }) };
}

/** Policy violations are collected in the page itself from its first moment on. */
export async function watchPolicy(context, problems) {
  await context.exposeFunction("ghViolation", (text) => problems.push("policy violation: " + text));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => globalThis.ghViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
  });
}
