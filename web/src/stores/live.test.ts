import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope } from "vue";
import { useLiveSession } from "@/composables/useLiveSession";
import { FakeChannel, FakeLocks, FakeSource } from "@/lib/liveFakes";
import { useCatalog } from "./catalog";
import { useChain } from "./chain";
import { useLive } from "./live";
import { useSession } from "./session";

const person = { id: "usr_1", username: "m.chen", display_name: "", role: "admin", kind: "person", language: "", status: "active", created_at: "2026-11-21T09:00:00.000Z", last_login_at: null, mfa: false };
let actions: string[];
let asked: string[];
let status: number;

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  FakeSource.all = [];
  FakeChannel.all = [];
  vi.stubGlobal("EventSource", FakeSource);
  vi.stubGlobal("BroadcastChannel", FakeChannel);
  vi.stubGlobal("navigator", { locks: new FakeLocks(), language: "en" });
  actions = ["audit.read", "model.view"];
  asked = [];
  status = 200;
  vi.stubGlobal("fetch", async (request: Request) => {
    const path = new URL(request.url).pathname;
    asked.push(path);
    const bodies: Record<string, unknown> = {
      "/api/v1/auth/me": { user: person, actions, key_id: null, session_id: "ses_1", ask: [], tiers: {}, confirmed_until: null },
      "/api/v1/auth/login": { user: person, expires_in: 1800 },
      "/api/v1/models": { items: [{ id: "guard-nano", kind: "guard", state: "ready" }] },
      "/api/v1/audit/chain": { head: { seq: 5, hash: "a", at: "2026-11-21T09:00:00.000Z" }, verified: null },
    };
    const body = path === "/api/v1/auth/logout" ? null : JSON.stringify(status === 200 ? bodies[path] : { code: "unauthenticated", request_id: "req_1" });
    return new Response(body, { status: body === null ? 204 : status, headers: { "Content-Type": "application/json" } });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A tab of its own: its stores, and the part of the app that follows. */
async function tab(signIn = true) {
  setActivePinia(createPinia());
  const [session, live, catalog, chain] = [useSession(), useLive(), useCatalog(), useChain()];
  const scope = effectScope();
  scope.run(useLiveSession);
  if (signIn) await session.signIn("m.chen", "a long and private sentence");
  await vi.advanceTimersByTimeAsync(0);
  return { session, live, catalog, chain, close: () => scope.stop() };
}
const streams = () => FakeSource.all.filter((s) => s.readyState !== 2);
function source(): FakeSource {
  const [only, ...more] = streams();
  if (!only || more.length > 0) throw new Error(`${streams().length} streams are open`);
  return only;
}

describe("one stream for the browser", () => {
  it("is opened by nobody before the sign-in, and by one tab of two after it", async () => {
    const out = await tab(false);
    expect(streams()).toHaveLength(0);
    out.close();
    await tab();
    await tab();
    expect(streams()).toHaveLength(1);
  });

  it("reaches every tab, and goes on in another at the last id when the leading one closes", async () => {
    const [first, second] = [await tab(), await tab()];
    const seen: string[] = [];
    first.live.on({ user: ({ id }) => seen.push("first " + id), fresh: () => seen.push("first fresh") });
    second.live.on({ user: ({ id }) => seen.push("second " + id), fresh: () => seen.push("second fresh") });
    source().send("policy", { version: 1 }, "40");
    source().send("user", { id: "usr_2" }, "41");
    expect(seen).toEqual(["second fresh", "first fresh", "second usr_2", "first usr_2"]);
    first.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(source().url).toBe("/api/v1/events?after=41");
    source().send("user", { id: "usr_3" }, "42");
    expect(seen.slice(4)).toEqual(["second usr_3"]);
  });

  it("every tab has its own where there are neither locks nor channels", async () => {
    vi.stubGlobal("navigator", { language: "en" });
    vi.stubGlobal("BroadcastChannel", undefined);
    await tab();
    await tab();
    expect(streams()).toHaveLength(2);
  });
});

describe("what everybody does about it", () => {
  it("a session that has ended signs out in all tabs, and closes the stream", async () => {
    const tabs = [await tab(), await tab()];
    source().send("session", { ended: true }, "");
    await vi.advanceTimersByTimeAsync(0);
    expect(tabs.map((t) => t.session.state)).toEqual(["out", "out"]);
    expect(tabs[1]?.session.expired).toBe(true);
    expect(streams()).toHaveLength(0);
    expect(FakeChannel.all).toHaveLength(0);
  });

  it("signing out closes the stream", async () => {
    const { session } = await tab();
    const gone = session.signOut();
    source().send("session", { ended: true }, ""); // the server is quicker on the stream than with its answer
    expect(session.state).toBe("in");
    await gone;
    expect(session.expired).toBe(false);
    expect(streams()).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(FakeSource.all).toHaveLength(1);
  });

  it("a stream that is refused because the session is over signs out; another refusal does not", async () => {
    const { session } = await tab();
    source().refuse();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(session.state).toBe("in");
    source().send("policy", { version: 1 }, "1");
    status = 401;
    source().refuse();
    await vi.advanceTimersByTimeAsync(0);
    expect(session.state).toBe("out");
    await vi.advanceTimersByTimeAsync(600_000);
    expect(streams()).toHaveLength(0);
  });

  it("asks for one's rights anew when the policy or one's account has changed, and only then", async () => {
    const { session } = await tab();
    asked = [];
    source().send("policy", { version: 3 }, "1");
    source().send("policy", { version: 3 }, "");
    source().send("user", { id: "usr_2" }, "2");
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual([]);
    actions = ["model.view"];
    source().send("policy", { version: 4 }, "");
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual(["/api/v1/auth/me"]);
    expect(session.actions).toEqual(["model.view"]);
    source().send("user", { id: "usr_1" }, "3");
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toHaveLength(2);
    expect(session.state).toBe("in");
  });

  it("reads the models again when one has changed, once for several", async () => {
    const { catalog } = await tab();
    await catalog.load();
    asked = [];
    source().send("models", { id: "guard-nano", state: "ready" }, "1");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toEqual([]);
    source().send("models", { id: "guard-nano", state: "failed" }, "");
    source().send("models", { id: "other", state: "loading" }, "");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toEqual(["/api/v1/models"]);
  });

  it("moves the head of the log, at most twice a second, and never back", async () => {
    const { chain } = await tab();
    await chain.load();
    for (let seq = 6; seq <= 90; seq++) source().send("audit", { seq, hash: "h" + seq, at: "2026-11-21T09:00:01.000Z" }, String(seq));
    expect(chain.chain?.head.seq).toBe(5);
    await vi.advanceTimersByTimeAsync(500);
    expect(chain.chain?.head).toMatchObject({ seq: 90, hash: "h90" });
    chain.moved({ seq: 7, hash: "h7", at: "2026-11-21T09:00:01.000Z" });
    expect(chain.chain?.head.seq).toBe(90);
  });
});
