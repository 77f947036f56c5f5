// What is done with the log besides reading it: exports at set times, how long it is kept, and where it is sent.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { never, overlay } from "../overlay.mjs";
import { confirm, ownSession } from "../steps.mjs";
import { broken, fail } from "../texts.mjs";

const by = (id) => `[data-test="${id}"]`;
const ago = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString();
const [schedules, retention, forwarding] = ["export/schedules", "retention", "forwarding"].map((name) => `**/api/v1/audit/${name}*`);
const closed = (page) => page.waitForFunction(() => !document.querySelector("dialog[open]"));

/** Makes what is not there yet, by name: the pages of a job share a house. */
async function once(api, path, name, list) {
  const { items } = (await api("GET", path, undefined, 200)).body;
  for (const one of list) if (!items.some((item) => item[name] === one[name])) await api("POST", path, one, 201);
}

/** Two schedules; the first has written, the other cannot. */
async function scheduled(page, { house }) {
  const { api } = house.roles.admin;
  await once(api, "/api/v1/audit/export/schedules", "name", [
    { name: "archive", format: "jsonl", every: "day", at: "02:30" },
    { name: "revision", format: "csv", bom: true, every: "hour", at: "00:10", filter: { decision: "deny" } },
  ]);
  const told = {
    archive: { last_at: ago(7), last_file: "guardhouse-audit-000000000812-000000001093.jsonl", last_rows: 282, last_seq: 1093 },
    revision: { failures: 3, failed_at: ago(0.2), failed_why: "disk_full", retry_at: ago(-0.4) },
  };
  await overlay(page, schedules, (body) => ({ ...body, items: body.items.map((s) => ({ ...s, ...told[s.name] })) }));
  await page.reload();
  await page.locator(`${by("schedule-revision")} .err`).waitFor();
}

/** Times, a hold that lasts and one that has ended; and a plan as it is after half a year. */
async function kept(page, { house }) {
  const { api } = house.roles.admin;
  const known = (await api("GET", "/api/v1/audit/holds?all=true", undefined, 200)).body.items;
  if (known.length === 0) {
    await api("PUT", "/api/v1/audit/retention", { audit: 365, verdicts: 180, sessions: 30 }, 200);
    await api("POST", "/api/v1/audit/holds", { person: "r.osei", reason: "Complaint 2026/41: keep until the answer of the board" }, 201);
    const { id } = (await api("POST", "/api/v1/audit/holds", { from: ago(900), to: ago(180), reason: "Inspection of the third quarter" }, 201)).body;
    await api("POST", `/api/v1/audit/holds/${id}/release`, { reason: "The inspection is over" }, 200);
  }
  const run = (at, by, event) => ({ at, by, event_id: event.id, rows: 4812, verdicts: 2210, sessions: 96, rows_gone: 4812, verdicts_gone: 2210, sessions_gone: 96, tombstones: 2, finished_at: at, problem: null });
  const [event] = (await api("GET", "/api/v1/audit/events?limit=1", undefined, 200)).body.items;
  const plan = { stopped: null, questions: [], as_of: ago(0.1), rows: 18_204, verdicts: 9120, sessions: 312, first_seq: 5001, last_seq: 23_311, from: ago(9100), to: ago(8800), audit_before: ago(365 * 24), verdicts_before: ago(180 * 24), sessions_before: ago(30 * 24), held: 107, unsent: 0 };
  await overlay(page, retention, (body) => ({ ...body, plan, runs: [{ ...run(ago(24), "m.chen", event), rows_gone: 3000, finished_at: null }, run(ago(30 * 24), "system", event)], looked: { at: ago(5), result: "" } }));
  await page.reload();
  await page.locator(by("held")).waitFor();
}

/** Questions about the clock keep the plan from going ahead. */
async function asked(page, { house }) {
  const questions = [
    { kind: "jumped", before: ago(4400), after: ago(60), seconds: 15_624_000 },
    { kind: "gap", before: ago(50), after: ago(20), seconds: 108_000 },
  ];
  await overlay(page, retention, (body) => ({ ...body, plan: { ...body.plan, stopped: "clock", questions } }));
  await page.goto(house.url + "/ui/audit/retention");
  await page.locator(by("clock")).waitFor();
}

/** Takes whatever comes, and closes as soon as the other side has said all. */
function receiver() {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.on("error", () => {}).resume());
    server.unref().listen(0, "127.0.0.1", () => resolve("127.0.0.1:" + server.address().port));
  });
}

/** A syslog server that takes all, a webhook where nobody listens, and one that is paused; an alert that lasts and one that is over. */
async function forwarded(page, { house }) {
  const { api } = house.roles.admin;
  const path = "/api/v1/audit/forwarding";
  if ((await api("GET", path, undefined, 200)).body.items.length === 0) {
    const nobody = "127.0.0.1:9";
    await once(api, path, "name", [
      { kind: "syslog", name: "SIEM of the hospital", transport: "tcp", address: await receiver(), from: "start" },
      { kind: "webhook", name: "On call", url: `https://${nobody}/hooks/guardhouse`, scope: "alerts", from: "start" },
      { kind: "syslog", name: "Branch office", transport: "tls", address: nobody },
      { kind: "syslog", name: "Old collector", transport: "udp", address: nobody },
    ]);
    const { id } = (await api("GET", path, undefined, 200)).body.items.find((t) => t.name === "Old collector");
    await api("PATCH", `${path}/${id}`, { paused: true }, 200);
  }
  const states = async () => Object.fromEntries((await api("GET", path, undefined, 200)).body.items.map((t) => [t.name, t]));
  for (let left = 100; left > 0; left--) {
    const now = await states();
    if (now["SIEM of the hospital"].sent_at && now["Branch office"].state === "failing") break;
    await new Promise((r) => setTimeout(r, 200));
  }
  const [event] = (await api("GET", "/api/v1/audit/events?limit=1", undefined, 200)).body.items;
  const alerts = [
    { kind: "forwarding_stuck", subject: "Branch office", event_id: event.id, raised_at: ago(0.3), cleared_at: null },
    { kind: "key_leaked", subject: "key_01M7Z3FHY72821Y7W9MXRWKNTE", event_id: event.id, raised_at: ago(30), cleared_at: ago(29) },
  ];
  await overlay(page, forwarding, (body) => ({ ...body, alerts }));
  await page.reload();
  await page.locator(by("target-failing")).first().waitFor();
}

export const pages = [
  { name: "exports", path: "/audit/exports", as: "admin", ready: by("export-go"), prepare: scheduled },
  { name: "retention", path: "/audit/retention", as: "admin", ready: by("retention"), prepare: kept },
  { name: "retention-clock", path: "/audit/retention", as: "admin", ready: by("retention"), prepare: asked },
  { name: "forwarding", path: "/audit/forwarding", as: "admin", ready: by("alerts"), prepare: forwarded },
];

const stations = [
  { name: "exports", pattern: schedules, empty: ".empty" },
  { name: "retention", pattern: retention, empty: `${by("stopped")}, ${by("plan-audit")}` },
  { name: "forwarding", pattern: forwarding, empty: ".empty" },
];

/** Nothing yet, still being read, not to be had, and not yours. */
async function states(page, ctx) {
  ctx.expect(503, "/api/v1/audit/");
  for (const { name, pattern, empty } of stations) {
    const path = "/audit/" + name;
    await ctx.go(path, empty);
    await ctx.seen(name + "-empty");
    await never(page, pattern);
    await ctx.go(path, ".sk");
    await ctx.picture(name + "-loading");
    await ctx.audit(name + "-loading");
    await page.unroute(pattern);
    await page.route(pattern, fail);
    await ctx.go(path, by("error"));
    assert.ok((await page.locator(by("error")).first().textContent()).includes(broken.request_id));
    await ctx.seen(name + "-error");
    await page.unroute(pattern, fail);
    await page.locator(by("error") + " button").first().click();
    await page.locator(empty).first().waitFor();
    const stranger = await ctx.as("reviewer", path);
    await stranger.locator(by("ask-whom")).waitFor();
    if (name === "exports") await ctx.seen("evidence-forbidden", stranger);
    await stranger.close();
  }
  await page.route(schedules, (route) => route.fulfill({ json: { items: [], folder_problem: "folder_unset" } }));
  await ctx.go("/audit/exports", by("folder-problem"));
  assert.ok(await page.locator(by("new-schedule")).isDisabled());
  await ctx.seen("exports-no-folder");
}

/** A schedule is added and ended; the log has both. */
async function scheduleAndEnd(page, ctx) {
  await ownSession(page, ctx, "/audit/exports", by("new-schedule"));
  await page.locator(by("new-schedule")).click();
  await page.locator(by("schedule-name")).fill("Not a folder");
  assert.ok(await page.locator(by("confirm") + ":visible").isDisabled(), "a name that cannot be a folder's");
  await page.locator(by("schedule-name")).fill("archive");
  await page.locator(by("schedule-every")).selectOption("week");
  await ctx.seen("exports-schedule");
  await confirm(page);
  await closed(page);
  await page.locator(by("schedule-archive")).waitFor();
  await page.locator(by("end-archive")).click();
  await confirm(page);
  await closed(page);
  await page.locator(by("schedule-archive")).waitFor({ state: "detached" });
  const { items } = (await ctx.house.roles.admin.api("GET", "/api/v1/audit/events?q=export-schedule&limit=2", undefined, 200)).body;
  assert.deepEqual(items.map((e) => [e.action, e.decision]), Array(2).fill(["settings.manage", "allow"]));
}

/** Days are set, but not fewer than allowed; a hold is set and ended, each with its reason. */
async function keepAndHold(page, ctx) {
  const { api } = ctx.house.roles.admin;
  await ownSession(page, ctx, "/audit/retention", by("retention"));
  await page.locator(by("days-audit")).selectOption("own");
  await page.locator(by("own-audit")).fill("179");
  assert.ok(await page.locator(by("save-days")).isDisabled(), "audit rows stay for 180 days at least");
  await page.locator(by("own-audit")).fill("400");
  await page.locator(by("save-days")).click();
  await ctx.seen("retention-save");
  await confirm(page);
  await closed(page);
  const { kinds } = (await api("GET", "/api/v1/audit/retention", undefined, 200)).body;
  assert.equal(kinds.find((k) => k.kind === "audit").days, 400);

  await page.locator(by("new-hold")).click();
  await page.locator(by("hold-person")).fill("r.osei");
  await page.locator(by("reason") + ":visible").fill("Complaint 41");
  await ctx.seen("retention-hold");
  await confirm(page);
  await closed(page);
  const [hold] = (await api("GET", "/api/v1/audit/holds", undefined, 200)).body.items;
  assert.deepEqual([hold.person, hold.reason], ["r.osei", "Complaint 41"]);
  await page.locator(by("release-" + hold.id)).click();
  await page.locator(by("reason") + ":visible").fill("It is answered");
  await confirm(page);
  await closed(page);
  await page.locator(by("release-" + hold.id)).waitFor({ state: "detached" });
  assert.equal((await api("GET", "/api/v1/audit/holds", undefined, 200)).body.items.length, 0);
}

/** A webhook's secret is shown once; a test that nobody takes says why; removed, it is gone. */
async function targetAndTest(page, ctx) {
  await ownSession(page, ctx, "/audit/forwarding", by("new-target"));
  await page.locator(by("new-target")).click();
  await ctx.seen("forwarding-new");
  await page.locator(by("target-way")).selectOption("webhook");
  await page.locator(by("target-name")).fill("On call");
  await page.locator(by("target-url")).fill("https://127.0.0.1:9/hooks/guardhouse");
  await confirm(page);
  const secret = await page.locator(by("target-secret")).textContent();
  assert.ok(secret.length > 30, "a secret is shown");
  await ctx.seen("forwarding-secret");
  await page.locator(by("stored") + ":visible").click();
  await closed(page);
  await page.locator(by("test-target")).click();
  await page.locator(by("not-taken")).waitFor();
  await ctx.seen("forwarding-not-taken");
  assert.ok(!(await page.content()).includes(secret), "nobody is shown it again");
  await page.locator(by("remove-target")).click();
  await confirm(page);
  await closed(page);
  await page.locator(by("remove-target")).waitFor({ state: "detached" });
}

export const walks = [
  { name: "evidence-states", run: states },
  { name: "evidence-states-zh", look: "zh-dark", run: states },
  { name: "export-schedule", as: "nobody", run: scheduleAndEnd },
  { name: "keep-and-hold", as: "nobody", run: keepAndHold },
  { name: "forward-target", as: "nobody", run: targetAndTest },
];
