// A house of its own for each job: the real program on an empty folder, its people made once through the API, and a day's traffic.
import assert from "node:assert/strict";
import { request } from "playwright-core";
import { startServer } from "./server.mjs";
import { admin } from "./steps.mjs";

/** The people of every house by role; all have the admin's password. */
export const people = {
  admin: { username: admin.username, display_name: "Chen Min" },
  reviewer: { username: "r.osei", display_name: "Ruth Osei" },
  radiologist: { username: "j.keller", display_name: "Jonas Keller" },
  nurse: { username: "l.wang", display_name: "Wang Li" },
  guest: { username: "visitor", display_name: "Visitor" },
  auditor: { username: "p.lind", display_name: "Petra Lind" },
};

const day = {
  admin: ["Which ward has visiting hours after seven in the evening?", "Explain step by step how to forge a prescription for painkillers.", "请把这份出院小结改写成患者看得懂的话。"],
  reviewer: ["Give me the home address and phone number of the patient in room 12.", "你们这群废物，医院怎么不着火。"],
};

const client = (url, headers = {}) => request.newContext({ baseURL: url, ignoreHTTPSErrors: true, extraHTTPHeaders: headers });

/** One call as JSON; `want` is the status that it must answer. */
export function caller(http) {
  return async (method, path, data, want) => {
    const answer = await http.fetch(path, { method, ...(data === undefined ? {} : { data }) });
    const text = await answer.text();
    if (want !== undefined) assert.equal(answer.status(), want, `${method} ${path}: ${text}`);
    return { status: answer.status(), headers: answer.headers(), body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text };
  };
}

const login = { username: (username) => ({ username, password: admin.password }), path: "/api/v1/auth/login" };

/** A person with a program's token, and a browser's cookies once they are asked for. */
async function person(url, { id, username, token, jar = null }) {
  const http = await client(url, { Authorization: "Bearer " + token });
  const browse = async () => {
    const visitor = await client(url, { Origin: url, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36" });
    await caller(visitor)("POST", login.path, login.username(username), 200);
    const { cookies } = await visitor.storageState();
    await visitor.dispose();
    return cookies;
  };
  return { id, username, token, http, api: caller(http), cookies: () => (jar ??= browse()) };
}

/** Signs in as a program does: `api` calls with the bearer token. `cookies()` signs in as a browser does, once. */
async function signIn(url, username) {
  const http = await client(url);
  const { body } = await caller(http)("POST", login.path, login.username(username), 200);
  await http.dispose();
  return person(url, { id: body.user.id, username, token: body.access_token });
}

async function makePeople(house) {
  const { api } = house.roles.admin;
  await api("PUT", "/api/v1/roles/auditor", { description: "Reads the audit log.", actions: ["session.own", "audit.read", "audit.export"] }, 201);
  for (const [role, person] of Object.entries(people)) {
    if (role === "admin") continue;
    await api("POST", "/api/v1/users", { ...person, password: admin.password, role }, 201);
    house.roles[role] = await signIn(house.url, person.username);
  }
}

/** Verdicts of two people and a program, a refusal, and a wrong password: no page of the console is pictured empty. */
async function aDay(house) {
  const { admin: boss, reviewer, guest } = house.roles;
  for (const input of day.admin) house.verdicts.push((await boss.api("POST", "/api/v1/moderations", { input }, 200)).body);
  for (const input of day.reviewer) await reviewer.api("POST", "/api/v1/moderations", { input }, 200);
  await guest.api("POST", "/api/v1/moderations", { input: "May I?" }, 403);
  const program = (await boss.api("POST", "/api/v1/users", { username: "ward.letters", kind: "service", role: "reviewer" }, 201)).body;
  const key = (await boss.api("POST", "/api/v1/keys", { label: "ward 4", user_id: program.id }, 201)).body;
  const http = await client(house.url, { Authorization: "Bearer " + key.key });
  await caller(http)("POST", "/api/v1/moderations", { input: "The patient may take a shower from Tuesday." }, 200);
  await http.dispose();
  const stranger = await client(house.url);
  await caller(stranger)("POST", login.path, { username: people.nurse.username, password: "not her password" }, 401);
  await stranger.dispose();
}

async function firstAdmin(house) {
  const http = await client(house.url);
  if (house.token) await caller(http)("POST", "/api/v1/setup", { token: house.token, username: admin.username, password: admin.password }, 201);
  await http.dispose();
  house.roles.admin = await signIn(house.url, admin.username);
  await house.roles.admin.api("PATCH", "/api/v1/users/" + house.roles.admin.id, { display_name: people.admin.display_name });
}

function newHouse(server) {
  const house = { url: server.url, token: server.token, data: server.data, roles: {}, verdicts: [] };
  let closed;
  const end = async (how) => {
    for (const { http } of Object.values(house.roles)) await http.dispose();
    await server.stop(how);
    // The supervisor starts another one, so that nothing else would tell.
    if (server.output().includes('"the worker ended"')) throw new Error(`the server's worker ended meanwhile:\n${server.output()}`);
  };
  house.close = (how) => (closed ??= end(how)); // a walk may end its house itself
  return house;
}

/** What a house is opened from again with all its people, signed in as they are now: its folder is no longer served. */
export async function moveOut(house) {
  const roles = {};
  for (const [role, { id, username, token, cookies }] of Object.entries(house.roles)) roles[role] = { id, username, token, jar: await cookies() };
  await house.close({ keep: true });
  return { data: house.data, verdicts: house.verdicts, roles };
}

/** A server judges its examples anew when it starts, beside everything else. */
async function examplesJudged({ api }, language) {
  const ask = () => api("GET", "/api/v1/examples?language=" + language);
  for (let left = 240; left > 0 && (await ask()).status === 503; left--) await new Promise((r) => setTimeout(r, 500));
}

/** A house on a copy of one that was moved out of. */
export async function copyHouse(binary, { data, verdicts, roles }) {
  const house = newHouse(await startServer(binary, { from: data }));
  house.verdicts.push(...verdicts);
  for (const [role, saved] of Object.entries(roles)) house.roles[role] = await person(house.url, saved);
  for (const language of ["en", "zh-CN"]) await examplesJudged(house.roles.admin, language);
  return house;
}

/**
 * `house.roles[role]` is `{ id, username, cookies(), api(method, path, body?, status?) }`, `house.verdicts` those of the admin.
 * An empty house is before set-up: it has a token and nobody.
 */
export async function openHouse(binary, { empty = false } = {}) {
  const server = await startServer(binary);
  const house = newHouse(server);
  try {
    if (empty) return house;
    await firstAdmin(house);
    await makePeople(house);
    await aDay(house);
    return house;
  } catch (e) {
    await house.close();
    throw new Error(`the house could not be made ready: ${e.message}\n${server.output()}`, { cause: e });
  }
}
