// Keys that are narrowed, flagged and rotated.
import assert from "node:assert/strict";

const by = (id) => `[data-test="${id}"]`;
const closed = (page) => page.waitForFunction(() => !document.querySelector("dialog[open]"));

/** Keys in every state that a table shows. */
async function several(page, { house }) {
  const { api } = house.roles.reviewer;
  const inDays = (n) => new Date(Date.now() + n * 86_400_000).toISOString();
  const known = (await api("GET", "/api/v1/keys?limit=50", undefined, 200)).body.items;
  if (known.length === 0) {
    await api("POST", "/api/v1/keys", { label: "reading room", models: ["guard-nano"], operations: ["infer"], ip_ranges: ["10.20.0.0/16", "fd00::/8"], rate_limit: "60/min", valid_until: inDays(90) }, 201);
    await api("POST", "/api/v1/keys", { label: "kiosk", operations: ["view"], valid_until: inDays(9) }, 201);
    const old = (await api("POST", "/api/v1/keys", { label: "letters", models: ["guard-nano"], valid_until: inDays(60) }, 201)).body;
    await api("POST", `/api/v1/keys/${old.id}/rotate`, { overlap: "24h" }, 201);
  }
  await page.reload();
  await page.locator(by("replaced")).waitFor();
}

export const pages = [
  { name: "keys-narrowed", path: "/keys", as: "reviewer", ready: "h1", prepare: several },
];

/** A key is made for some addresses and a rate; elsewhere it is refused. Then it is rotated, and both work for a while. */
async function narrowAndRotate(page, ctx) {
  const status = (key) => page.evaluate((k) => fetch("/api/v1/moderations", { method: "POST", headers: { Authorization: "Bearer " + k, "Content-Type": "application/json" }, body: '{"input":"hello"}', credentials: "omit" }).then((r) => r.status), key);
  await ctx.go("/keys", by("new-key"));
  await page.locator(by("new-key")).click();
  await page.locator(by("key-label")).fill("only the ward");
  await page.locator(by("key-ranges")).fill("10.1.2.3/8");
  await page.locator(by("key-make")).click();
  await page.locator("[role=dialog] [aria-invalid=true]").waitFor();
  await ctx.seen("keys-form");
  await page.locator(by("key-ranges")).fill("10.0.0.0/8");
  await page.locator(by("key-make")).click();
  const shut = await page.locator(by("key-secret")).textContent();
  await page.locator(by("stored")).click();
  for (const s of [403, 401]) ctx.expect(s, "/api/v1/moderations");
  assert.ok([401, 403].includes(await status(shut)), "from elsewhere the key is refused");

  await page.locator(by("new-key")).click();
  await page.locator(by("key-label")).fill("two a day");
  await page.locator(by("key-ranges")).fill("127.0.0.0/8");
  await page.locator(by("key-rate")).fill("2");
  await page.locator(by("key-rate-unit")).selectOption("day");
  await page.locator(by("key-make")).click();
  const old = await page.locator(by("key-secret")).textContent();
  await page.locator(by("stored")).click();
  await closed(page);
  assert.equal(await status(old), 200);
  const row = page.locator("tbody tr", { hasText: "two a day" });
  await row.locator(by("rotate")).click();
  await page.locator(by("rotate-overlap")).selectOption("3600");
  await page.locator(by("confirm") + ":visible").click();
  const fresh = await page.locator(by("key-secret")).textContent();
  assert.notEqual(fresh, old);
  await page.locator(by("stored")).click();
  await closed(page);
  await page.locator(by("replaced")).waitFor();
  await ctx.seen("keys-rotated");
  assert.equal(await status(fresh), 200, "the new key goes on with the line's count");
  ctx.expect(429, "/api/v1/moderations");
  assert.equal(await status(old), 429, "two a day are two, whichever of the two keys asks");
}

/** All keys of somebody, at once, from his page. */
async function revokeAll(page, ctx) {
  const { reviewer } = ctx.house.roles;
  for (const label of ["one", "two"]) await reviewer.api("POST", "/api/v1/keys", { label }, 201);
  await ctx.go("/people/" + reviewer.id, by("keys-revoke-all"));
  await page.locator(by("keys-revoke-all")).click();
  await page.locator(by("confirm") + ":visible").click();
  await closed(page);
  await page.locator(by("keys-revoke-all")).waitFor({ state: "detached" });
  const left = (await reviewer.api("GET", "/api/v1/keys?limit=50", undefined, 200)).body.items.filter((k) => k.revoked_at === null);
  assert.deepEqual(left, []);
}

export const walks = [
  { name: "key-narrow-and-rotate", as: "reviewer", run: narrowAndRotate },
  { name: "keys-revoke-all", as: "admin", run: revokeAll },
];
