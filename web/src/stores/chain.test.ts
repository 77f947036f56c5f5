import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useChain } from "./chain";

const verified = { checked_at: "2026-11-21T09:00:00.000Z", duration_ms: 4, rows: 9, first: 1, last: 9, finding: "", detail: "", not_provable: [] };
let found: typeof verified | null;
let walks: number;
let status: number;

beforeEach(() => {
  setActivePinia(createPinia());
  localStorage.clear();
  vi.useFakeTimers({ now: new Date("2026-11-21T09:00:00Z"), toFake: ["Date"] });
  found = null;
  walks = 0;
  status = 200;
  vi.stubGlobal("fetch", async (request: Request) => {
    const answer = (code: number, body: unknown) => new Response(JSON.stringify(body), { status: code, headers: { "Content-Type": "application/json" } });
    if (request.method === "GET") return answer(200, { head: { seq: 9, hash: "ab", at: null }, verified: found });
    walks++;
    if (status !== 200) return answer(status, { code: "busy", status });
    found = verified;
    return answer(200, verified);
  });
});

async function visit(session: string): Promise<ReturnType<typeof useChain>> {
  setActivePinia(createPinia());
  const chain = useChain();
  await chain.load();
  await chain.verifyFirst(session);
  return chain;
}

describe("first check of the chain", () => {
  it("is asked for where the server has not walked yet", async () => {
    const chain = await visit("ses_1");
    expect([walks, chain.state]).toEqual([1, "whole"]);
  });

  it("is not asked for where the server has an answer, good or bad", async () => {
    found = { ...verified, finding: "edited" };
    expect([(await visit("ses_1")).state, walks]).toEqual(["broken", 0]);
  });

  it("is asked for once in a session, also after a reload", async () => {
    await visit("ses_1");
    found = null;
    vi.setSystemTime(Date.now() + 3_600_000);
    expect([(await visit("ses_1")).state, walks]).toEqual(["unverified", 1]);
  });

  it("waits ten minutes before another session asks", async () => {
    await visit("ses_1");
    found = null;
    vi.setSystemTime(Date.now() + 9 * 60_000);
    await visit("ses_2");
    expect(walks).toBe(1);
    vi.setSystemTime(Date.now() + 60_000);
    await visit("ses_2");
    expect(walks).toBe(2);
  });

  it("says nothing when it fails: nobody had asked", async () => {
    status = 503;
    const chain = await visit("ses_1");
    expect([walks, chain.error, chain.state]).toEqual([1, null, "unverified"]);
  });
});
