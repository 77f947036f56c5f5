import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { api, listen, unwrap } from "@/api/client";
import { ApiError } from "@/api/error";
import type { Me, SetupState, User } from "@/api/types";
import { usePrefs } from "./prefs";

/** unknown: not asked yet · setup: no admin yet · out: signed out · in: signed in · down: the server did not answer. */
export type SessionState = "unknown" | "setup" | "out" | "in" | "down";

const hintKey = "gh.signed-in";

/** Whether a sign-in happened in this browser: spares a signed-out visitor a refusal in the audit. It opens nothing. */
function hint(): boolean {
  try {
    return localStorage.getItem(hintKey) === "1";
  } catch {
    return true; // storage switched off: ask the server
  }
}

function setHint(on: boolean): void {
  try {
    if (on) localStorage.setItem(hintKey, "1");
    else localStorage.removeItem(hintKey);
  } catch {
    // as above
  }
}

const lifetimeKey = "gh.lifetime";

/** How long a session lives, kept for this tab so that the notice before its end survives a reload. */
function recallLifetime(): number {
  try {
    return Number(sessionStorage.getItem(lifetimeKey)) || 0;
  } catch {
    return 0;
  }
}

function keepLifetime(ms: number): void {
  try {
    sessionStorage.setItem(lifetimeKey, String(ms));
  } catch {
    // storage switched off: no notice after a reload
  }
}

export const useSession = defineStore("session", () => {
  const state = ref<SessionState>("unknown");
  const user = shallowRef<User | null>(null);
  const actions = ref<string[]>([]);
  /** Up to three people who can give a right. */
  const ask = ref<string[]>([]);
  /** How strictly each operation is confirmed, 1 to 5, as the server says. */
  const tiers = ref<Record<string, number>>({});
  /** Until when operations of tier 4 need no password. */
  const confirmedUntil = ref(0);
  const server = shallowRef<SetupState | null>(null);
  const expired = ref(false);
  /** The password was right, and the role may not use the console. */
  const barred = ref(false);
  const id = ref("");
  const lastUser = ref("");
  const lifetimeMs = ref(0);
  const answeredAt = ref(0);
  const failure = shallowRef<ApiError | null>(null);
  let leaving = false;
  const endsAt = computed(() => (state.value === "in" && lifetimeMs.value > 0 ? answeredAt.value + lifetimeMs.value : 0));

  listen({
    unauthenticated: () => state.value === "in" && end(true),
    answered: () => (answeredAt.value = Date.now()),
  });

  function end(byItself: boolean): void {
    expired.value = byItself;
    user.value = null;
    id.value = "";
    actions.value = [];
    ask.value = [];
    tiers.value = {};
    confirmedUntil.value = 0;
    lifetimeMs.value = 0;
    setHint(false);
    state.value = "out";
  }

  function take(me: Me): void {
    user.value = me.user;
    actions.value = me.actions;
    ask.value = me.ask;
    tiers.value = me.tiers;
    confirmedUntil.value = me.confirmed_until ? Date.parse(me.confirmed_until) : 0;
  }

  async function enter(): Promise<void> {
    barred.value = false;
    const me = await unwrap(api.GET("/api/v1/auth/me"), true).catch((thrown) => {
      barred.value = thrown instanceof ApiError && thrown.code === "forbidden";
      throw thrown;
    });
    const prefs = usePrefs();
    if (me.user.language && !prefs.languageChosen()) prefs.language = me.user.language;
    take(me);
    id.value = me.session_id ?? "";
    lastUser.value = me.user.id;
    lifetimeMs.value = recallLifetime();
    answeredAt.value = Date.now();
    expired.value = false;
    setHint(true);
    state.value = "in";
  }

  /** The server says that this session is over. Whoever is signing out knows it already. */
  function close(): void {
    if (!leaving) end(true);
  }

  /** Rights or person may have changed: asks anew. A server that does not answer changes nothing here. */
  async function refresh(): Promise<void> {
    try {
      const me = await unwrap(api.GET("/api/v1/auth/me"));
      if (state.value !== "in") return;
      take(me);
    } catch {
      // refused: the client has signed out already; else the next event or call tells
    }
  }

  /** Learns who is there. Answers the state; never throws, "down" carries the failure. */
  async function load(): Promise<SessionState> {
    failure.value = null;
    try {
      server.value = await unwrap(api.GET("/api/v1/setup"), true);
      if (server.value.required) return (state.value = "setup");
      if (!hint()) return (state.value = "out");
      await enter();
    } catch (thrown) {
      if (barred.value || (thrown instanceof ApiError && thrown.status === 401)) end(false);
      else {
        failure.value = thrown instanceof ApiError ? thrown : null;
        state.value = "down";
      }
    }
    return state.value;
  }

  function live(seconds: number): void {
    lifetimeMs.value = seconds * 1000;
    keepLifetime(lifetimeMs.value);
  }

  async function signIn(username: string, password: string): Promise<void> {
    barred.value = false;
    const answer = await unwrap(api.POST("/api/v1/auth/login", { body: { username, password } }), true);
    await enter();
    live(answer.expires_in);
  }

  async function setUp(token: string, username: string, password: string): Promise<void> {
    const done = await unwrap(api.POST("/api/v1/setup", { body: { token, username, password } }), true);
    if (server.value) server.value = { ...server.value, required: false };
    await enter();
    live(done.expires_in);
  }

  async function prolong(): Promise<void> {
    const answer = await unwrap(api.POST("/api/v1/auth/refresh"));
    live(answer.expires_in);
  }

  /** Signs out here whatever the server says; a session that it could not end is reported to the caller. */
  async function signOut(): Promise<void> {
    leaving = true;
    try {
      await unwrap(api.POST("/api/v1/auth/logout"), true);
    } finally {
      leaving = false;
      lastUser.value = "";
      end(false);
    }
  }

  return { state, id, user, actions, ask, tiers, confirmedUntil, server, expired, barred, lastUser, endsAt, failure, load, refresh, close, signIn, setUp, prolong, signOut };
});
