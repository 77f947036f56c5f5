// What a walk is given beside its page.
import { audit, checkPage, picture } from "./checks.mjs";

/**
 * - `house`: url, token, roles[role].api(method, path, body?, status?), verdicts
 * - `go(path, selector?)`: opens a page of the console, "/audit", and waits for the selector
 * - `expect(status, path)`: announces a refusal that the walk provokes
 * - `seen(name)`: picture, axe and scrolling of the page as it stands, at the three widths
 * - `picture(name)`, `audit(name)`: one of them at the size it has now
 * - `tab()`: another tab of the same person; `as(role, more?)`: a tab of somebody else
 */
export function walkContext({ page, house, watch, look, problems, open }) {
  const at = (tab, path) => tab.goto(house.url + "/ui" + path);
  return {
    page, house, look, problems,
    expect: watch.expect,
    go: async (path, selector) => {
      await at(page, path);
      if (selector) await page.locator(selector).first().waitFor();
    },
    seen: (name, tab = page) => checkPage(tab, `${name}.${look}`, problems),
    picture: (name, tab = page) => picture(tab, `${name}.${look}`),
    audit: (name, tab = page) => audit(tab, name, problems),
    tab: async (path) => {
      const tab = await page.context().newPage();
      if (path) await at(tab, path);
      return tab;
    },
    as: async (role, path, more) => {
      const tab = await (await open(role, more)).newPage();
      if (path) await at(tab, path);
      return tab;
    },
  };
}
