import { afterEach, expect, it, vi } from "vitest";
import { h } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import UsageView from "./UsageView.vue";

const json = (body: unknown) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
const period = { from: "2026-11-22T00:00:00Z", resets_at: "2026-11-23T00:00:00Z", units: [] };
let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
  vi.unstubAllGlobals();
});

it("names whose figures stand there, and tells the two keys of a rotation apart", async () => {
  const key = (id: string, prefix: string, label: string) => ({ id, prefix, label, username: "bot" });
  vi.stubGlobal("fetch", async (asked: Request) => {
    const path = new URL(asked.url).pathname;
    if (path === "/api/v1/keys") return json({ items: [key("k1", "gh_aaaa", "payments bot"), key("k2", "gh_bbbb", "payments bot"), key("k3", "gh_cccc", "night")], next_cursor: null });
    if (path.endsWith("/usage")) return json({ kind: "person", id: "usr_rita", name: "rita", at: period.from, today: period, month: period, days: [] });
    return json({ items: [], next_cursor: null });
  });
  const signedIn = { setup: () => ((useSession().actions = ["user.manage", "key.manage"]), () => h(UsageView)) };
  page = await mountFor(signedIn, {}, { path: "/here?user=usr_rita", routes: ["usage", "people"] });
  const options = () => [...document.querySelectorAll('[data-test="usage-key"] option')].map((o) => o.textContent);
  await vi.waitFor(() => expect(options()).toHaveLength(4));
  await vi.waitFor(() => expect(options()[0]).toBe("rita"));
  expect(options().slice(1)).toEqual(["key payments bot (gh_aaaa) of bot", "key payments bot (gh_bbbb) of bot", "key night of bot"]);
});
