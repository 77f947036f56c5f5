import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useDraft } from "@/stores/draft";
import { composeProblem, useJudge } from "./useJudge";

const scores = { safe: 0.9, controversial: 0.05, unsafe: 0.04, other: 0.01 };
const verdict = { id: "mod_1", severity: "Safe", action: "allow", scores, audit_hash: "aa" };
let bodies: unknown[];
let purposes: (string | null)[];
let answers: { status: number; body: unknown }[];

beforeEach(() => {
  setActivePinia(createPinia());
  bodies = [];
  purposes = [];
  answers = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const json = { "Content-Type": "application/json" };
    if (request.method === "GET") return new Response(JSON.stringify({ ...verdict, audit_seq: 7, audit_id: "evt_7" }), { headers: json });
    purposes.push(request.headers.get("X-Guardhouse-Purpose"));
    bodies.push(await request.json());
    const next = answers.shift();
    return new Response(JSON.stringify(next?.body), { status: next?.status ?? 500, headers: json });
  });
});

describe("composeProblem", () => {
  it.each([
    ["text", "", [], "empty"],
    ["text", " ", [], ""],
    ["conversation", "", [], "empty"],
    ["conversation", "", [{ role: "user", content: "" }], "empty"],
    ["conversation", "", [{ role: "user", content: "a" }, { role: "assistant", content: "" }], "emptyTurn"],
    ["conversation", "", [{ role: "user", content: "a" }, { role: "system", content: "b" }], "lastRole"],
    ["conversation", "", [{ role: "user", content: "a" }, { role: "assistant", content: "b" }], ""],
  ] as const)("%s %j %j: %s", (kind, text, messages, problem) => {
    expect(composeProblem(kind, text, [...messages])).toBe(problem);
  });
});

describe("useJudge", () => {
  it("sends the text as it is, takes the verdict and finds its place in the audit", async () => {
    const draft = useDraft();
    draft.text = "  <b>\u0000 text\n";
    draft.model = "guard-nano";
    answers = [{ status: 200, body: verdict }];
    await useJudge().judge();
    expect(bodies).toEqual([{ model: "guard-nano", policy: "strict", input: "  <b>\u0000 text\n" }]);
    await vi.waitFor(() => expect(draft.verdict?.audit_seq).toBe(7));
  });

  it("says what for where somebody wrote it, in letters that a header may hold", async () => {
    const draft = useDraft();
    draft.text = "a";
    answers = [{ status: 200, body: verdict }, { status: 200, body: verdict }];
    await useJudge().judge();
    draft.purpose = " ward round, 查房 ";
    await useJudge().judge();
    expect(purposes).toEqual([null, "UTF-8''ward%20round%2C%20%E6%9F%A5%E6%88%BF"]);
  });

  it("asks nothing for an empty text, and leaves the last verdict when a call fails", async () => {
    const draft = useDraft();
    const judge = useJudge();
    await judge.judge();
    expect(judge.problem.value).toBe("empty");
    expect(bodies).toEqual([]);
    draft.text = "a";
    answers = [{ status: 200, body: verdict }, { status: 503, body: { code: "audit_unavailable", request_id: "req_5" } }];
    await judge.judge();
    await judge.judge();
    expect(draft.verdict?.id).toBe("mod_1");
    expect(judge.judging.error.value?.code).toBe("audit_unavailable");
    expect(draft.text).toBe("a");
  });

  it("says honestly whether judging again gave the same", async () => {
    const draft = useDraft();
    const judge = useJudge();
    draft.text = "a";
    answers = [{ status: 200, body: verdict }, { status: 200, body: { ...verdict, id: "mod_2", scores: { ...scores, safe: 0.9003 } } }, { status: 200, body: { ...verdict, id: "mod_3", scores: { ...scores, safe: 0.85 } } }];
    await judge.judge();
    draft.text = "changed since";
    await judge.repeat();
    expect(judge.repeated.value).toBe("same");
    expect(draft.verdict?.id).toBe("mod_1");
    await judge.repeat();
    expect(judge.repeated.value).toBe("differs");
    expect(draft.verdict?.id).toBe("mod_3");
    expect(bodies.map((b) => (b as { input: string }).input)).toEqual(["a", "a", "a"]);
  });
});
