import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, ref, type EffectScope } from "vue";
import type { RuleText } from "@/lib/rules";
import { useRuleHits } from "./useHygiene";

const rule = (id: string, mode: "enforce" | "report-only" = "report-only"): RuleText => ({ id, effect: "allow", principals: ["*"], models: ["m"], operations: ["infer"], conditions: {}, mode, note: "", owner: "" });

interface Asked { rule: string; signal: AbortSignal; answer: (status?: number, retry?: string) => void }
let asked: Asked[] = [];
let scope: EffectScope;

beforeEach(() => {
  asked = [];
  scope = effectScope();
  vi.spyOn(globalThis, "fetch").mockImplementation((input) => {
    const request = input as Request;
    const id = new URL(request.url).pathname.split("/")[5] ?? "";
    return new Promise((resolve, reject) => {
      const body = JSON.stringify({ rule_id: id, samples: [], code: "busy", title: "", detail: "", type: "about:blank", request_id: "req_1" });
      asked.push({ rule: id, signal: request.signal, answer: (status = 200, retry = "") => resolve(new Response(body, { status, headers: { "Content-Type": "application/json", ...(retry && { "Retry-After": retry }) } })) });
      request.signal.addEventListener("abort", () => reject(new DOMException("left", "AbortError")));
    });
  });
});
afterEach(() => {
  scope.stop();
  vi.restoreAllMocks();
});

const names = () => asked.map((a) => a.rule);
const nth = (n: number): Asked => {
  const a = asked[n];
  if (!a) throw new Error(`${n} was not asked: ${names().join(" ")}`);
  return a;
};

describe("hits of rules", () => {
  it("are asked for one after another, the opened rule's first", async () => {
    const rules = ref([rule("a"), rule("b"), rule("ward", "enforce"), rule("other", "enforce")]);
    const hits = scope.run(() => useRuleHits(rules, ref("ward")));
    await vi.waitFor(() => expect(names()).toEqual(["ward"]));
    nth(0).answer();
    await vi.waitFor(() => expect(names()).toEqual(["ward", "a"]));
    expect(hits?.of("ward")?.rule_id).toBe("ward");
    nth(1).answer(503);
    await vi.waitFor(() => expect(names()).toEqual(["ward", "a", "b"]));
    nth(2).answer();
    await vi.waitFor(() => expect(hits?.of("b")).not.toBeNull());
    expect(hits?.of("a")).toBeNull();
    expect(names()).toHaveLength(3);
    rules.value = [...rules.value, rule("c")];
    await vi.waitFor(() => expect(names()).toEqual(["ward", "a", "b", "a"]));
  });

  it("are asked for again when the server said, a few times", async () => {
    const later = vi.spyOn(globalThis, "setTimeout");
    const after = (seconds: number) => later.mock.calls.filter((c) => c[1] === seconds * 1000);
    scope.run(() => useRuleHits(ref([rule("a"), rule("b")]), ref("")));
    for (let n = 0; n < 5; n++) {
      await vi.waitFor(() => expect(names()).toEqual(Array(n + 1).fill("a")));
      nth(n).answer(503, "7");
      await vi.waitFor(() => expect(after(7)).toHaveLength(n + 1));
      (after(7)[n]?.[0] as () => void)();
    }
    nth(5).answer(503, "7");
    await vi.waitFor(() => expect(names()).toEqual(["a", "a", "a", "a", "a", "a", "b"]));
    nth(6).answer(503, "9");
    await vi.waitFor(() => expect(names()).toHaveLength(7));
    expect([after(7).length, after(9).length]).toEqual([5, 0]);
  });

  it("are given up when nobody looks any more", async () => {
    const rules = ref([rule("a"), rule("b")]);
    scope.run(() => useRuleHits(rules, ref("")));
    await vi.waitFor(() => expect(names()).toEqual(["a"]));
    rules.value = [rule("b")];
    await vi.waitFor(() => expect(names()).toEqual(["a", "b"]));
    expect(nth(0).signal.aborted).toBe(true);
    scope.stop();
    expect(nth(1).signal.aborted).toBe(true);
    await new Promise((done) => setTimeout(done));
    expect(names()).toHaveLength(2);
  });
});
