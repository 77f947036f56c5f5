import { afterEach, expect, it, vi } from "vitest";
import { h } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import ProofView from "./ProofView.vue";

let page: Mounted | null = null;
let rotations = 0;
afterEach(() => {
  page?.done();
  page = null;
  vi.unstubAllGlobals();
});

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const at = "2026-11-22T09:00:00.000Z";
const key = (id: string, until: string | null) => ({ id, verifier: `guardhouse/ins/${id}+abc`, at, until, previous: null, lost: false, note: "", event_id: "evt_1" });
const good = { outside: true, number: 3, at, problem: "", problem_code: "", since: null, foreign: false };
const find = <T extends HTMLElement>(test: string) => document.querySelector<T>(`[data-test="${test}"]`);

async function open(actions: string[], { anchor = good, problem = "", problem_code = "", language = "en" as "en" | "zh-CN", verified = null as unknown, rotated = () => json(key("second", null)) } = {}): Promise<void> {
  rotations = 0;
  vi.stubGlobal("fetch", async (request: Request) => {
    const path = new URL(request.url).pathname;
    if (path.endsWith("/keys/rotate")) return (rotations++, rotated());
    if (path.endsWith("/keys")) return json({ items: rotations > 0 ? [key("first", at), key("second", null)] : [key("first", null)] });
    if (path.endsWith("/checkpoints")) return json({ items: [], next_cursor: null, anchor, problem, problem_code });
    return json({ head: { seq: 7, hash: "00", at }, verified });
  });
  const setup = () => {
    const session = useSession();
    session.actions = actions;
    session.tiers = { "audit.rotate_key": 4 };
    session.confirmedUntil = Date.now() + 60_000;
    return () => h(ProofView);
  };
  page = await mountFor({ setup }, {}, { language, routes: ["proof", "audit"] });
  await vi.waitFor(() => expect(find("anchor-state")).not.toBeNull());
}

it("has a new key made by who may, says what that means, and shows the new key", async () => {
  await open(["audit.read", "settings.manage"]);
  await vi.waitFor(() => expect(find("key-first")).not.toBeNull());
  find("rotate-key")?.click();
  await vi.waitFor(() => expect(document.querySelector("dialog")?.textContent).toContain("deletes the old private key"));
  expect(rotations).toBe(0);
  document.querySelector("dialog form")?.dispatchEvent(new Event("submit", { cancelable: true }));
  await vi.waitFor(() => expect(find("rotated")).not.toBeNull());
  expect(rotations).toBe(1);
  expect(find("key-second")?.textContent).toContain("signs now");
  expect(find("key-first")?.textContent).toContain("signed before");
  expect(document.querySelector("dialog")).toBeNull();
});

it("keeps the question open and says so where the key could not be changed", async () => {
  await open(["audit.read", "settings.manage"], { rotated: () => json({ code: "conflict", title: "", detail: "The key was changed a moment ago." }, 409) });
  find("rotate-key")?.click();
  await vi.waitFor(() => expect(document.querySelector("dialog form")).not.toBeNull());
  document.querySelector("dialog form")?.dispatchEvent(new Event("submit", { cancelable: true }));
  await vi.waitFor(() => expect(document.querySelector("dialog")?.textContent).toContain("The key was not changed."));
  expect(find("rotated")).toBeNull();
});

it("offers no new key to who only reads the log", async () => {
  await open(["audit.read"]);
  await vi.waitFor(() => expect(find("key-first")).not.toBeNull());
  expect(find("rotate-key")).toBeNull();
});

it("says how the anchor stands with a word and a sign, and its trouble in the page's language", async () => {
  await open(["audit.read"]);
  expect(find("anchor-state")?.dataset.state).toBe("good");
  expect(find("anchor-state")?.querySelector("svg")).not.toBeNull();
  page?.done();
  await open(["audit.read"], { anchor: { ...good, outside: false } });
  expect(find("anchor-state")?.textContent).toContain("On the same disk");
  page?.done();
  await open(["audit.read"], { anchor: { ...good, outside: false, problem: "The folder of audit.anchor is not there.", problem_code: "folder_missing", since: null } });
  expect(document.querySelector(".anchor")?.textContent).not.toContain("disk");
  expect(find("proof-anchor")?.textContent).toContain("this database copied there is 3");
  page?.done();
  await open(["audit.read"], { language: "zh-CN", anchor: { ...good, problem: "The folder of audit.anchor is not there.", problem_code: "folder_missing", since: null } });
  expect(find("anchor-state")?.dataset.state).toBe("bad");
  const said = document.querySelector('.anchor [role="alert"]')?.textContent ?? "";
  expect(said).toContain("锚点目录（audit.anchor）不存在。");
  expect(said).not.toContain("The folder");
});

it("says of an older copy that was put back no row at which it broke, nor that nothing is newer", async () => {
  const older = "restored-old: the whole database could be an older copy of itself; no anchor outside it is newer";
  const followed = "tail-cut: rows could have followed row 7; no anchor outside this database is newer; the log then ended with row 7";
  const verified = { checked_at: at, duration_ms: 2, rows: 7, first: 1, last: 7, checkpoints: 2, copies: 3, tombstones: 0, removed: 0, keys_from: "anchor", finding: "restored-old", finding_seq: 8, detail: "checkpoint 3 in the anchor folder refers to row 9 and the log ends at 7", not_provable: [older, followed] };
  await open(["audit.read"], { verified });
  await vi.waitFor(() => expect(find("proof-result")?.dataset.result).toBe("restored-old"));
  expect(find("proof-result")?.textContent).not.toContain("row 8");
  const text = document.body.textContent ?? "";
  expect(text).not.toContain("older copy of itself");
  expect(text).toContain("Rows could have followed row 7");
  expect(text).not.toContain("then ended");
});

it("has the database alone copied, never the keys beside it", async () => {
  await open(["audit.read"]);
  const commands = [...document.querySelectorAll("ol code")].map((e) => e.textContent ?? "");
  expect(commands.some((c) => /^mkdir COPY && cp DATA\/guardhouse\.db DATA\/guardhouse\.db-wal COPY\/$/.test(c))).toBe(true);
  expect(commands.join(" ")).not.toMatch(/cp -r|\.key|secrets/);
  expect(document.querySelector("ol")?.textContent).toContain("holds private keys");
});
