import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import { toApiError, type ApiError } from "@/api/error";
import type { AuditChain } from "@/api/types";

const askedKey = "gh.chain-asked";
const pauseMs = 10 * 60_000;
type Asked = { session: string; at: number };

/** Whether this browser may ask for a walk by itself: once in a session and once in ten minutes. It notes the asking. */
function takeTurn(session: string, now: number): boolean {
  try {
    const asked = { session: "", at: 0, ...(JSON.parse(localStorage.getItem(askedKey) ?? "{}") as Partial<Asked>) };
    if (asked.session === session || now - asked.at < pauseMs) return false;
    localStorage.setItem(askedKey, JSON.stringify({ session, at: now } satisfies Asked));
    return true;
  } catch {
    return false; // storage switched off: nothing would remember the asking
  }
}

export type ChainState = "unknown" | "unverified" | "checking" | "whole" | "broken";

/** The state of the audit chain: what the watch line under the navigation and the audit page say. */
export const useChain = defineStore("chain", () => {
  const chain = shallowRef<AuditChain | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const checking = ref(false);

  const state = computed<ChainState>(() => {
    if (checking.value) return "checking";
    if (!chain.value) return "unknown";
    const verified = chain.value.verified;
    if (!verified) return "unverified";
    return verified.finding === "" ? "whole" : "broken";
  });

  async function load(): Promise<void> {
    try {
      chain.value = await unwrap(api.GET("/api/v1/audit/chain"));
      error.value = null;
    } catch (thrown) {
      error.value = toApiError(thrown);
    }
  }

  /** Walks the whole chain on the server. Answers whether it came to an end; the finding is in the state. */
  async function verify(): Promise<boolean> {
    if (checking.value) return false;
    checking.value = true;
    try {
      const verified = await unwrap(api.POST("/api/v1/audit/verify"));
      await load();
      if (chain.value && !chain.value.verified) chain.value = { ...chain.value, verified };
      return true;
    } catch (thrown) {
      error.value = toApiError(thrown);
      return false;
    } finally {
      checking.value = false;
    }
  }

  /** Lets the server walk the chain where it has not yet since its start. Unasked for, so a failure says nothing here. */
  async function verifyFirst(session: string): Promise<void> {
    if (state.value !== "unverified" || session === "" || !takeTurn(session, Date.now())) return;
    if (!(await verify())) error.value = null;
  }

  /** The log has grown: a newer row is its head. What the last walk found stands as it was. */
  function moved(head: AuditChain["head"]): void {
    if (chain.value && head.seq > chain.value.head.seq) chain.value = { ...chain.value, head };
  }

  function forget(): void {
    chain.value = null;
    error.value = null;
  }

  return { chain, error, checking, state, load, verify, verifyFirst, moved, forget };
});
