import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { api, unwrap } from "@/api/client";
import { useAccess } from "@/composables/useAccess";
import { useDraft } from "./draft";
import { useSession } from "./session";

const person = { id: "usr_1", username: "m.chen", display_name: "", role: "admin", kind: "person", language: "zh-CN", status: "active", created_at: "2026-11-21T09:00:00.000Z", last_login_at: null, mfa: false };
const me = { user: person, actions: ["moderation.run", "audit.read"], key_id: null, session_id: "ses_1", ask: ["j.hou"], tiers: { "user.delete": 3 }, confirmed_until: null };
const setup = (required: boolean) => ({ required, server_name: "ward", certificate_sha256: null });

type Reply = [status: number, body?: unknown, headers?: Record<string, string>];
let replies: Record<string, Reply>;
let asked: string[];

beforeEach(() => {
  setActivePinia(createPinia());
  localStorage.clear();
  sessionStorage.clear();
  asked = [];
  replies = { "GET /api/v1/setup": [200, setup(false)], "GET /api/v1/auth/me": [200, me], "POST /api/v1/auth/login": [200, { user: person, expires_in: 1800 }], "POST /api/v1/auth/logout": [204] };
  vi.stubGlobal("fetch", async (request: Request) => {
    const name = `${request.method} ${new URL(request.url).pathname}`;
    asked.push(name);
    const reply = replies[name];
    if (!reply) throw new TypeError("no route " + name);
    const [status, body, headers] = reply;
    return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
  });
});

describe("session", () => {
  it("asks for no account where nobody has signed in: a refusal would stand in the audit", async () => {
    expect(await useSession().load()).toBe("out");
    expect(asked).toEqual(["GET /api/v1/setup"]);
  });

  it("goes to set-up before anything else", async () => {
    replies["GET /api/v1/setup"] = [200, setup(true)];
    expect(await useSession().load()).toBe("setup");
    expect(asked).toEqual(["GET /api/v1/setup"]);
  });

  it("knows after a sign-in who it is and what is allowed, and finds it again after a reload", async () => {
    const session = useSession();
    await session.load();
    await session.signIn("m.chen", "a long and private sentence");
    expect(session.state).toBe("in");
    expect(session.endsAt).toBeGreaterThan(Date.now() + 1_700_000);
    const { can, canAny } = useAccess();
    expect(can("audit.read")).toBe(true);
    expect(can("user.manage")).toBe(false);
    expect(canAny("user.manage", "moderation.run")).toBe(true);

    setActivePinia(createPinia());
    const reloaded = useSession();
    expect(await reloaded.load()).toBe("in");
    expect(reloaded.endsAt).toBeGreaterThan(0);
  });

  it("says of a right password whose role may not use the console that the role lacks it", async () => {
    replies["GET /api/v1/auth/me"] = [403, { code: "forbidden", request_id: "req_1" }];
    const session = useSession();
    await session.load();
    await expect(session.signIn("dr.chen", "a long and private sentence")).rejects.toMatchObject({ code: "forbidden" });
    expect([session.state, session.barred]).toEqual(["out", true]);
    replies["POST /api/v1/auth/login"] = [401, { code: "unauthenticated", request_id: "req_2" }];
    await expect(session.signIn("dr.chen", "wrong")).rejects.toMatchObject({ code: "unauthenticated" });
    expect(session.barred).toBe(false);

    localStorage.setItem("gh.signed-in", "1");
    expect(await session.load()).toBe("out");
    expect(session.barred).toBe(true);
  });

  it("keeps no credential anywhere a script can read it", async () => {
    replies["POST /api/v1/auth/login"] = [200, { user: person, expires_in: 1800, access_token: "secret-1", refresh_token: "secret-2" }];
    const session = useSession();
    await session.signIn("m.chen", "a long and private sentence");
    const kept = JSON.stringify([{ ...localStorage }, { ...sessionStorage }, session.$state]);
    expect(kept).not.toContain("secret-");
    expect(kept).not.toContain("private sentence");
  });

  it("a session that ends by itself signs out, and says so; a wrong password does not", async () => {
    const session = useSession();
    await session.signIn("m.chen", "a long and private sentence");
    replies["GET /api/v1/models"] = [401, { code: "unauthenticated", request_id: "req_1" }];
    await expect(unwrap(api.GET("/api/v1/models"))).rejects.toMatchObject({ status: 401, requestId: "req_1" });
    expect(session.state).toBe("out");
    expect(session.expired).toBe(true);
    expect(session.actions).toEqual([]);

    replies["POST /api/v1/auth/login"] = [401, { code: "unauthenticated", request_id: "req_2" }];
    await expect(session.signIn("m.chen", "wrong")).rejects.toMatchObject({ code: "unauthenticated" });
    expect(session.state).toBe("out");
  });

  it("forgets here even when the server cannot be reached for signing out", async () => {
    const session = useSession();
    await session.signIn("m.chen", "a long and private sentence");
    delete replies["POST /api/v1/auth/logout"];
    await expect(session.signOut()).rejects.toMatchObject({ code: "offline" });
    expect(session.state).toBe("out");
    expect(session.user).toBeNull();
    expect(session.expired).toBe(false);
  });

  it("a server that does not answer is down, not signed out", async () => {
    localStorage.setItem("gh.signed-in", "1");
    replies["GET /api/v1/auth/me"] = [503, { code: "busy", request_id: "req_9" }, { "Retry-After": "7" }];
    const session = useSession();
    expect(await session.load()).toBe("down");
    expect(session.failure?.requestId).toBe("req_9");
    expect(session.failure?.retryAfter).toBe(7);
  });
});

describe("draft", () => {
  it("stays for the same person and is empty for another", () => {
    const draft = useDraft();
    draft.claim("usr_1");
    draft.text = "half a thought";
    draft.claim("usr_1");
    expect(draft.text).toBe("half a thought");
    draft.claim("usr_2");
    expect(draft.text).toBe("");
  });
});
