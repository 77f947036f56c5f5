// Models, one verdict as a page, and the examples that guests see.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const page = "[data-test=verdict]";
const long = "The ward opens at seven and the nurse brings the tea to every bed before the round. ".repeat(60) + "How do I forge a prescription for morphine? " + "The ward opens at seven. ".repeat(40);

/** A model in another state than the server has here. */
const shown = (over, opened = "qwen3guard-gen-4b", devices = []) => async (tab, { house }) => {
  const { items } = (await house.roles.admin.api("GET", "/api/v1/models", undefined, 200)).body;
  const none = { needs: null, needs_device: null, layers: null, layers_of: null, last_used_at: null, memory: null, device: null, kernels: null, slots: null, lanes: null, threads: null, slot_tokens: null, layout: null, loaded_at: null };
  await tab.route("**/api/v1/models", (route) => route.fulfill({ json: { items: [{ ...items[0] }, { ...items[0], ...none, id: "qwen3guard-gen-4b", origin: "imported", default: false, size_bytes: 4_280_000_000, ...over }], next_cursor: null, room: { total: 8_000_000_000, used: items[0].memory.total + (over.memory?.total ?? 0), devices } } }));
  await tab.route("**/api/v1/models/qwen3guard-gen-4b/queue", (route) => route.fulfill({ json: { waiting: 0, capacity: 256, yours: 0, position: 0, expected_ms: 0, oldest_wait_ms: 0 } }));
  await tab.goto(house.url + "/ui/models/" + opened);
  await tab.locator(opened ? "[data-test=model]" : "tbody tr").first().waitFor();
};
/** A machine with a GPU, and a large guard that has most of its layers there. */
const board = { name: "cuda:NVIDIA H100 80GB HBM3", total: 80_000_000_000, used: 3_700_000_000, free: 70_500_000_000 };
const onGpu = {
  state: "ready", loaded_at: "2026-11-21T09:00:00.000Z", device: board.name, layers: 30, layers_of: 37, kernels: "none", slots: 8, lanes: 1, threads: 4, slot_tokens: 8192, layout: "30 of 37 layers on NVIDIA H100 80GB HBM3",
  needs: 910_000_000, needs_device: 3_900_000_000, memory: { weights: 600_000_000, packed: 0, cache: 110_000_000, compute: 180_000_000, output: 10_000_000, total: 900_000_000, device: 3_700_000_000 },
};
const since = () => new Date(Date.now() - 9000).toISOString();

async function longVerdict(house) {
  return (await house.roles.admin.api("POST", "/api/v1/moderations", { input: long }, 200)).body;
}

export const pages = [
  { name: "models", path: "/models", as: "admin", ready: "tbody tr" },
  { name: "model", path: "/models/guard-nano", as: "admin", ready: "[data-test=model] tfoot" },
  { name: "model-nurse", path: "/models/guard-nano", as: "nurse", ready: "[data-test=model]" },
  { name: "model-unknown", path: "/models", as: "reviewer", ready: "tbody tr", async prepare(tab, { house, expect }) { expect(404, "/api/v1/models/"); await tab.goto(house.url + "/ui/models/nothing"); await tab.locator("aside .empty").waitFor(); } },
  { name: "model-loading", path: "/models", as: "admin", ready: "tbody tr", prepare: (tab, at) => shown({ state: "loading", stage: "reading", progress: 0.63, state_since: since() })(tab, at) },
  { name: "model-failed", path: "/models", as: "admin", ready: "tbody tr", prepare: shown({ state: "failed", state_code: "file_changed", state_reason: "the model's file is not the one that was imported: its SHA-256 differs" }) },
  { name: "model-unloaded", path: "/models", as: "admin", ready: "tbody tr", prepare: shown({ state: "unloaded", state_code: "by_hand", needs: 5_100_000_000 }) },
  { name: "model-no-memory", path: "/models", as: "admin", ready: "tbody tr", prepare: shown({ state: "failed", state_code: "no_memory", needs: 5_100_000_000, state_reason: "The model needs 4864 MiB of memory, and of the 7630 MiB for models 3051 MiB are free. What would do: unload guard-large, or a smaller quantisation with a file of at most 2289 MiB." }) },
  { name: "models-gpu", path: "/models", as: "admin", ready: "tbody tr", prepare: (tab, at) => shown(onGpu, "", [board])(tab, at) },
  { name: "model-gpu", path: "/models", as: "admin", ready: "tbody tr", prepare: (tab, at) => shown(onGpu, "qwen3guard-gen-4b", [board])(tab, at) },
  { name: "model-gpu-unloaded", path: "/models", as: "admin", ready: "tbody tr", prepare: (tab, at) => shown({ state: "unloaded", state_code: "by_hand", needs: 910_000_000, needs_device: 3_900_000_000, canary: null }, "qwen3guard-gen-4b", [{ ...board, used: 0 }])(tab, at) },
  { name: "verdict", path: (house) => "/verdicts/" + house.verdicts[1].id, as: "admin", ready: page, print: true },
  { name: "verdict-windows", path: "/models", as: "admin", ready: "tbody tr", async prepare(tab, { house }) { const v = await longVerdict(house); await tab.goto(house.url + "/ui/verdicts/" + v.id); await tab.locator("[data-test=windows]").waitFor(); } },
  { name: "verdict-unknown", path: "/models", as: "reviewer", ready: "tbody tr", async prepare(tab, { house, expect }) { expect(404, "/api/v1/moderations/"); await tab.goto(house.url + "/ui/verdicts/" + house.verdicts[0].id); await tab.locator(".empty").waitFor(); } },
  { name: "examples", path: "/examples", as: "guest", ready: "[data-example]" },
  { name: "examples-reviewer", path: "/examples", as: "reviewer", ready: "[data-example]" },
  {
    name: "examples-loading", path: "/nothing", as: "guest", ready: "main",
    async prepare(tab, { house, expect }) {
      expect(503, "/api/v1/examples");
      await tab.route("**/api/v1/examples*", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", headers: { "Retry-After": "60" }, body: '{"type":"about:blank","title":"","status":503,"code":"loading","detail":"","request_id":"req_01JD"}' }));
      await tab.goto(house.url + "/ui/examples");
      await tab.locator(".empty").waitFor();
    },
  },
];

/** A guest sees real verdicts, in the language of the page, and leaves. */
async function guestWalk(tab, ctx) {
  await ctx.go("/", "[data-example]");
  assert.ok(tab.url().endsWith("/ui/examples"), "a guest begins here");
  assert.equal(await tab.locator("[data-example]").count(), 6);
  const { items } = (await ctx.house.roles.guest.api("GET", "/api/v1/examples?language=en", undefined, 200)).body;
  for (const e of items) assert.ok((await tab.locator(`[data-example=${e.id}]`).textContent()).includes(e.text));
  await tab.locator("[data-test=language]:visible").first().click();
  await tab.locator("[data-example=blood-test]", { hasText: "抽血" }).waitFor();
  await tab.locator("[data-test=language]:visible").first().click();
  await tab.setViewportSize({ width: 390, height: 844 });
  await tab.locator("[data-test=level-unsafe]").click();
  await tab.locator("[data-example=prescription]").waitFor();
  assert.equal(await tab.locator("[data-example=blood-test]").isVisible(), false, "one level at a time");
  await tab.locator("[data-test=leave]").click();
  await tab.waitForURL("**/ui/sign-in");
}

/** From the list to a model, its verdicts, one of them as a page, and on to its row and its model. */
async function aroundWalk(tab, ctx) {
  await ctx.go("/models", "[data-row=guard-nano]");
  await tab.locator("[data-row=guard-nano]").click();
  await tab.waitForURL("**/ui/models/guard-nano");
  const hash = (await ctx.house.roles.admin.api("GET", "/api/v1/models/guard-nano", undefined, 200)).body.sha256;
  await tab.locator("[data-test=hash] button").first().click();
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()), hash);
  await tab.keyboard.press("Escape");
  await tab.waitForURL("**/ui/models");
  const id = ctx.house.verdicts[0].id;
  await ctx.go("/history/" + id, "[data-test=verdict-page]");
  await tab.locator("[data-test=verdict-page]").click();
  await tab.waitForURL("**/ui/verdicts/" + id);
  await tab.locator("[data-test=bars]").waitFor();
  await tab.locator(".acts button").first().click();
  assert.ok((await tab.evaluate(() => navigator.clipboard.readText())).includes("/api/v1/moderations/" + id));
  await tab.locator("[data-test=link-model]").click();
  await tab.waitForURL("**/ui/models/guard-nano");
  await tab.goBack();
  await tab.locator("[data-test=link-row]").click();
  await tab.waitForURL((u) => /\/ui\/(events|audit)\/evt_/.test(u.pathname));
}

/** The server tells how far a model is; the page shows it without being asked. */
async function liveWalk(tab, ctx) {
  const told = (data) => `event: models\ndata: ${JSON.stringify({ id: "guard-nano", ...data })}\n\n`;
  let frames = told({ state: "ready" });
  await tab.route("**/api/v1/events*", (route) => route.fulfill({ status: 200, contentType: "text/event-stream", body: "retry: 200\n\n" + frames }));
  const { items } = (await ctx.house.roles.admin.api("GET", "/api/v1/models", undefined, 200)).body;
  let model = { ...items[0], state: "loading", stage: "reading", progress: 0.2, state_since: since(), memory: null, slots: null, loaded_at: null };
  await tab.route("**/api/v1/models", (route) => route.fulfill({ json: { items: [model], next_cursor: null } }));
  frames = told({ state: "loading", stage: "reading", progress: 0.41 });
  await ctx.go("/models", "[role=progressbar]");
  await tab.locator("[role=progressbar][aria-valuenow='41']").waitFor();
  model = items[0];
  frames = told({ state: "ready" });
  await tab.locator("[data-state=ready]").waitFor();
}

/** A second guard takes the place of the first and gives it back, while the page is looked at; then it is unloaded, checked and removed. */
async function actsWalk(tab, ctx) {
  const { house } = ctx;
  const file = fileURLToPath(new URL("../../../models/guard-nano.gguf", import.meta.url));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GUARDHOUSE_")));
  execFileSync(process.env.GUARDHOUSE_BIN, ["model", "import", file, "--id", "second", "--allow", "role:admin", "--data", house.data], { env });
  const confirm = async () => {
    await tab.locator("[data-test=confirm]").click();
    await tab.locator("[data-test=confirm]").waitFor({ state: "detached" });
  };
  const open = async (id) => {
    await tab.locator(`[data-row=${id}]`).click();
    await tab.locator("[data-test=model-name]", { hasText: id }).waitFor();
  };
  const state = (id, what) => tab.locator(`tr:has([data-row=${id}]) [data-state=${what}]`).waitFor();
  await ctx.go("/models", "[data-row=second]");
  await state("second", "ready");
  await tab.locator("[data-test=room]", { hasText: "second" }).waitFor();
  for (const [id, before] of [["second", "guard-nano"], ["guard-nano", "second"]]) {
    await open(id);
    await tab.locator("[data-test=act-default]").click();
    await confirm();
    await tab.locator(`tr:has([data-row=${id}]) .chip`).waitFor();
    await state(before, "unloaded");
  }
  await open("second");
  await tab.locator("[data-test=act-load]").click();
  await state("second", "ready");
  await tab.locator("[data-test=act-unload]").click();
  await confirm();
  await state("second", "unloaded");
  await tab.locator("[data-test=act-verify]").click();
  await tab.locator(".toast, [role=status]", { hasText: "imported" }).first().waitFor();
  await tab.locator("[data-test=act-remove]").click();
  await tab.locator("[data-test=confirm-name]").fill("second");
  await tab.locator("[data-test=confirm]").click();
  await tab.waitForURL("**/ui/models");
  await tab.locator("[data-row=second]").waitFor({ state: "detached" });
}

/** A text that waits says so, and a full queue says how full. */
async function queueWalk(tab, ctx) {
  await ctx.go("/moderate", "[data-test=text]");
  let release = () => {};
  const held = new Promise((resolve) => (release = resolve));
  await tab.route("**/api/v1/models/*/queue", (route) => route.fulfill({ json: { waiting: 12, capacity: 256, yours: 1, position: 3, expected_ms: 1850, oldest_wait_ms: 900 } }));
  ctx.expect(503, "/api/v1/moderations");
  await tab.route("**/api/v1/moderations", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    await held;
    await route.fulfill({ status: 503, contentType: "application/problem+json", headers: { "Retry-After": "2" }, body: '{"type":"about:blank","title":"","status":503,"code":"busy","detail":"","request_id":"req_01JD","queue":{"position":257,"waiting":256,"capacity":256}}' });
  });
  await tab.locator("[data-test=text]").fill("May I?");
  await tab.keyboard.press("Control+Enter");
  await tab.locator(".stack", { hasText: "Place 3" }).waitFor();
  release();
  await tab.locator("[data-test=error]", { hasText: "257" }).first().waitFor();
}

export const walks = [
  { name: "guest-examples", as: "guest", run: guestWalk },
  { name: "model-and-verdict", run: aroundWalk },
  { name: "model-live", run: liveWalk },
  { name: "model-acts", run: actsWalk },
  { name: "queue-place", as: "reviewer", run: queueWalk },
];
