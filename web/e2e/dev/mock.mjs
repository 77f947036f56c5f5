// A stand-in server for working on the pages before a binary is at hand. It is not shipped and proves nothing: the
// end-to-end run takes the real binary. Content-Security-Policy as the binary sends it.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize } from "node:path";

const dist = new URL("../../dist", import.meta.url).pathname;
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const kinds = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const sha = "9c41f2aa".padEnd(64, "07");
const allActions = ["example.read", "model.view", "moderation.run", "moderation.read", "moderation.read_all", "audit.read", "session.own", "key.own"];
const state = { admin: null, signedIn: false, rows: [], events: [], role: process.env.MOCK_ROLE ?? "admin" };

const sort = (v) => (Array.isArray(v) ? v.map(sort) : v && typeof v === "object" ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sort(v[k])])) : v);
const digest = (e) => createHash("sha256").update(JSON.stringify(sort(e))).digest("hex");
const now = () => new Date().toISOString();
const id = (p) => p + randomUUID().replaceAll("-", "").toUpperCase().slice(0, 22);

function record(part) {
  const last = state.events[0];
  const e = {
    v: 1, id: id("evt_"), seq: (last?.seq ?? 0) + 1, at: now(), actor: { type: "user", id: "usr_1", name: state.admin ?? "" }, key_id: "", roles: [state.role], groups: [], purpose: "", operation: "", ip: "127.0.0.1",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", action: "auth.login", resource: "", model: "", model_sha256: "", decision: "allow", reason: "", rule_id: "", policy_version: 3,
    request_id: id("req_"), content_hash: "", duration_ms: 1.25, details: {}, prev_hash: last?.hash ?? "0".repeat(64), ...part,
  };
  e.hash = digest(e);
  state.events.unshift(e);
  return e;
}

function judge(body) {
  const text = typeof body.input === "string" ? body.input : body.input.at(-1).content;
  const [severity, s, c, u, o] = /bomb|炸|银行|bank/.test(text) ? ["Unsafe", 0.006, 0.041, 0.952, 0.001] : /angry|骂/.test(text) ? ["Controversial", 0.31, 0.61, 0.07, 0.01] : /xyzzy/.test(text) ? ["Safe", 0.402, 0.17, 0.12, 0.308] : ["Safe", 0.994, 0.004, 0.002, 0];
  const action = o > 0.2 ? "review" : severity === "Unsafe" || (severity === "Controversial" && body.policy !== "loose") ? "block" : "allow";
  const categories = severity === "Unsafe" ? ["Non-violent Illegal Acts"] : severity === "Controversial" ? ["Unethical Acts"] : [];
  const e = record({ action: "moderation.run", operation: "infer", model: "guard-nano", model_sha256: sha, rule_id: "rule_guard-nano", content_hash: "ab".repeat(32), details: { items: [{ severity, action, categories }], mode: body.policy ?? "strict" } });
  const v = {
    id: id("mod_"), request_id: e.request_id, created_at: e.at, severity, categories, refusal: Array.isArray(body.input) && body.input.at(-1).role === "assistant" ? false : null, flagged: action === "block", action,
    scores: { safe: s, controversial: c, unsafe: u, other: o }, model: { id: "guard-nano", sha256: sha, quantization: "Q8_0", template_sha256: "51ab08".padEnd(64, "d4") }, policy: { version: 3, mode: body.policy ?? "strict" },
    cached: false, audit_hash: e.hash, timings: { queue_ms: 0.1, model_ms: 7.9, total_ms: 9.02, prompt_tokens: 31, passes: 1, windows: 1 },
  };
  state.rows.unshift({ ...v, actor: e.actor, audit_seq: e.seq, audit_id: e.id });
  return v;
}

const user = () => ({ id: "usr_1", username: state.admin, display_name: "", role: state.role, kind: "person", language: "", status: "active", created_at: now(), last_login_at: null, mfa: false });
const problem = (status, code, detail = "") => [status, { type: "about:blank", title: code, status, code, detail, request_id: id("req_") }];

function route(method, url, body, cookie) {
  const path = url.pathname;
  const q = url.searchParams;
  if (path === "/readyz") return [200, { status: "ready" }];
  if (path === "/api/v1/setup" && method === "GET") return [200, { required: !state.admin, server_name: "ward-server", certificate_sha256: sha }];
  if (path === "/api/v1/setup") {
    if (body.token !== "mock-token") return problem(403, "forbidden");
    state.admin = body.username;
    state.signedIn = true;
    record({ action: "auth.setup" });
    return [201, { ...user(), expires_in: 1800 }];
  }
  if (path === "/api/v1/auth/login") {
    if (body.password !== "a long and private sentence") {
      record({ decision: "deny", reason: "wrong_password", actor: { type: "anonymous", id: "", name: "" }, roles: [] });
      return problem(401, "unauthenticated");
    }
    state.signedIn = true;
    record({});
    return [200, { user: user(), expires_in: 1800 }];
  }
  if (!state.signedIn || !cookie) return problem(401, "unauthenticated");
  if (path === "/api/v1/auth/me") return [200, { user: user(), actions: state.role === "guest" ? ["example.read", "session.own"] : allActions, key_id: null, session_id: "ses_1" }];
  if (path === "/api/v1/auth/logout") return (state.signedIn = false), record({ action: "auth.logout" }), [204];
  if (path === "/api/v1/models") return [200, { items: [{ id: "guard-nano", kind: "guard", origin: "embedded", architecture: "qwen3", quantization: "Q8_0", sha256: sha, template_sha256: sha, state: "ready", size_bytes: 1, context_length: 4096, default: true, created_at: now() }], next_cursor: null }];
  if (path === "/api/v1/moderations" && method === "POST") return [200, judge(body)];
  if (path === "/api/v1/moderations") {
    const rows = state.rows.filter((r) => (!q.get("severity") || r.severity === q.get("severity")) && (!q.get("action") || r.action === q.get("action")) && (!q.get("request_id") || r.request_id === q.get("request_id")));
    return [200, { items: rows.slice(0, Number(q.get("limit") ?? 50)), next_cursor: null }];
  }
  if (path.startsWith("/api/v1/moderations/")) return [200, state.rows.find((r) => r.id === path.split("/").at(-1))];
  if (path === "/api/v1/audit/chain") return [200, { head: { seq: state.events[0].seq, hash: state.events[0].hash, at: state.events[0].at }, verified: state.verified ?? null }];
  if (path === "/api/v1/audit/verify") return (state.verified = { checked_at: now(), duration_ms: 12.5, rows: state.events.length, first: 1, last: state.events.length, finding: "", not_provable: ["a cut of the last rows, without an outside anchor"] }), [200, state.verified];
  if (path === "/api/v1/audit/events") {
    const rows = state.events.filter((e) => (!q.get("decision") || e.decision === q.get("decision")) && (!q.get("actor") || e.actor.name === q.get("actor")) && (!q.get("request_id") || e.request_id === q.get("request_id")) && (!q.get("action") || e.action === q.get("action")));
    return [200, { items: rows.slice(0, 200), next_cursor: null }];
  }
  if (path.startsWith("/api/v1/audit/events/")) {
    const e = state.events.find((x) => x.id === path.split("/").at(-1));
    return e ? [200, e] : problem(404, "not_found");
  }
  return problem(404, "not_found");
}

createServer(async (req, res) => {
  const url = new URL(req.url, "http://x");
  let text = "";
  for await (const chunk of req) text += chunk;
  if (url.pathname === "/") return res.writeHead(302, { Location: "/ui/" }).end();
  if (url.pathname.startsWith("/ui/")) {
    let file = normalize(url.pathname.slice(3));
    if (!existsSync(join(dist, file)) || file.endsWith("/")) file = "index.html";
    return res.writeHead(200, { "Content-Type": kinds[file.split(".").at(-1)] ?? "text/plain", "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" }).end(readFileSync(join(dist, file)));
  }
  const [status, body] = route(req.method, url, text ? JSON.parse(text) : {}, (req.headers.cookie ?? "").includes("gh-mock=1"));
  if (status === 204) return res.writeHead(204).end();
  res.writeHead(status, { "Content-Type": status >= 400 ? "application/problem+json" : "application/json", "Set-Cookie": "gh-mock=1; HttpOnly; SameSite=Lax; Path=/", "X-Request-Id": body?.request_id ?? id("req_") }).end(JSON.stringify(body));
}).listen(Number(process.env.PORT ?? 7411), "127.0.0.1", () => console.log("mock on http://127.0.0.1:" + (process.env.PORT ?? 7411)));
