import { afterEach, expect, it, vi } from "vitest";
import { h } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import RetentionView from "./RetentionView.vue";

const json = (body: unknown) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
const kind = (name: string, days: number, least: number, more = {}) => ({ kind: name, days, default_days: name === "sessions" ? 30 : 0, least_days: least, source: "default", editable: true, changed_at: null, changed_by: null, event_id: null, ...more });
const plan = { stopped: null, questions: [], as_of: null, rows: 0, verdicts: 0, sessions: 0, first_seq: 0, last_seq: 0, from: null, to: null, audit_before: null, verdicts_before: null, sessions_before: null, held: 0, unsent: 0, unexported: 0 };
const state = (more = {}, planned = {}) => ({ version: 7, kinds: [kind("audit", 365, 180), kind("verdicts", 0, 1), kind("sessions", 30, 1, { source: "file", editable: false })], presets: [90, 180, 365, 2190], plan: { ...plan, ...planned }, runs: [], looked: null, ...more });
let page: Mounted | null = null;
let asked: Request[] = [];
afterEach(() => {
  page?.done();
  page = null;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open(answer: unknown, language: "en" | "zh-CN" = "en"): Promise<void> {
  asked = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(request);
    return new URL(request.url).pathname.endsWith("/retention") ? json(answer) : json({ items: [], next_cursor: null });
  });
  page = await mountFor({ setup: () => ((useSession().actions = ["settings.manage"]), () => h(RetentionView)) }, {}, { language, path: "/here", routes: ["retention", "event"] });
  await vi.waitFor(() => expect(seen("retention")).toBe(true));
}
const reads = () => asked.filter((r) => r.method === "GET" && new URL(r.url).pathname.endsWith("/retention")).length;
const settled = () => new Promise((done) => setTimeout(done, 20));
const seen = (test: string) => document.querySelector(`[data-test="${test}"]`) !== null;

function at<T extends Element>(test: string): T {
  const found = document.querySelector<T>(`[data-test="${test}"]`);
  if (!found) throw new Error(`there is no ${test}`);
  return found;
}

it("offers no time below the floor, and takes none", async () => {
  await open(state());
  const options = [...document.querySelectorAll<HTMLOptionElement>('[data-test="days-audit"] option')].map((o) => o.value);
  expect(options).toEqual(["0", "180", "365", "2190", "own"]);
  expect([...document.querySelectorAll<HTMLOptionElement>('[data-test="days-verdicts"] option')].map((o) => o.value)).toContain("90");
  expect(seen("days-sessions")).toBe(false);
  const select = at<HTMLSelectElement>("days-audit");
  select.value = "own";
  select.dispatchEvent(new Event("change"));
  await vi.waitFor(() => expect(seen("own-audit")).toBe(true));
  const field = at<HTMLInputElement>("own-audit");
  field.value = "179";
  field.dispatchEvent(new Event("input"));
  await vi.waitFor(() => expect(at("kind-audit").textContent).toContain("At least 180 days"));
  expect(at<HTMLButtonElement>("save-days").disabled).toBe(true);
});

it("asks about the clock before anything goes", async () => {
  await open(state({}, { stopped: "clock", questions: [{ kind: "jumped", before: "2026-11-22T09:00:00.000Z", after: "2036-11-22T09:00:00.000Z", seconds: 315_532_800 }] }));
  expect(at("clock").textContent).toContain("The clock moved by 3,652 days");
  expect(at<HTMLButtonElement>("prune").disabled).toBe(true);
});

it("says what would go, and lets it go only where something would", async () => {
  await open(state({}, { rows: 40, first_seq: 1, last_seq: 40, verdicts: 39, audit_before: "2025-11-22T09:00:00.000Z", held: 3, unexported: 2 }));
  expect(at("plan-audit").textContent).toContain("40");
  expect(at("plan-sessions").textContent).toContain("nothing goes");
  expect(at("held").textContent).toContain("3 rows");
  expect(at("unexported").textContent).toContain("2 rows");
  expect(at<HTMLButtonElement>("prune").disabled).toBe(false);
  expect(asked.every((r) => r.method === "GET")).toBe(true);
});

it("keeps what is being typed while it reads again, and closes once it is done", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  await open(state({}, { stopped: "clock", questions: [{ kind: "jumped", before: "2026-11-22T09:00:00.000Z", after: "2036-11-22T09:00:00.000Z", seconds: 315_532_800 }] }));
  at<HTMLButtonElement>("confirm-clock").click();
  await vi.waitFor(() => expect(seen("reason")).toBe(true));
  const why = at<HTMLInputElement>("reason");
  why.value = "the rack was off for a while";
  why.dispatchEvent(new Event("input"));
  const before = reads();
  await vi.advanceTimersByTimeAsync(15_000);
  await vi.waitFor(() => expect(reads()).toBeGreaterThan(before));
  await settled();
  expect(at<HTMLInputElement>("reason").value).toBe("the rack was off for a while");

  at<HTMLButtonElement>("confirm").click();
  await vi.waitFor(() => expect(asked.filter((r) => r.url.endsWith("/retention/clock"))).toHaveLength(1));
  await vi.waitFor(() => expect(seen("reason")).toBe(false));
});

it("keeps the question about a removal open while it reads again", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  await open(state({}, { rows: 40, first_seq: 1, last_seq: 40 }));
  at<HTMLButtonElement>("prune").click();
  await vi.waitFor(() => expect(seen("confirm")).toBe(true));
  const before = reads();
  await vi.advanceTimersByTimeAsync(15_000);
  await vi.waitFor(() => expect(reads()).toBeGreaterThan(before));
  await settled();
  expect(seen("confirm")).toBe(true);
});

it("reads once at opening", async () => {
  await open(state());
  expect(reads()).toBe(1);
  expect(asked.filter((r) => r.url.includes("/holds"))).toHaveLength(1);
});

it("says in its own words why a removal ended early", async () => {
  const run = { at: "2026-11-22T09:00:00.000Z", by: "m.chen", event_id: "evt_1", rows: 9, verdicts: 0, sessions: 0, rows_gone: 3, verdicts_gone: 0, sessions_gone: 0, tombstones: 1, finished_at: "2026-11-22T09:00:01.000Z" };
  const runs = [
    { ...run, problem: "the log does not verify: edited at row 7", problem_code: "broken" },
    { ...run, event_id: "evt_2", problem: "rows 3 to 9 are not all there: verify the log", problem_code: "missing" },
    { ...run, event_id: "evt_3", problem: "Of a later release.", problem_code: "later" },
  ];
  await open(state({ runs }), "zh-CN");
  const said = [...document.querySelectorAll("td .err")].map((p) => p.textContent);
  expect(said).toEqual(["日志未通过校验：有记录被修改。", "应删除的记录已不齐全，请先校验日志。", "清理提前结束，原因见服务器日志。"]);
});
