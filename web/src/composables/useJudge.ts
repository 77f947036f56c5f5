import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { Message, PolicyMode, ShownVerdict } from "@/api/types";
import { useAsyncAction } from "@/composables/useAsyncAction";
import { purposeHeader } from "@/lib/purpose";
import { useDraft } from "@/stores/draft";

export type ComposeProblem = "" | "empty" | "lastRole" | "emptyTurn";

/** Why a conversation or a text cannot be sent; the server refuses more, this is what is plain to see. */
export function composeProblem(kind: "text" | "conversation", text: string, messages: Message[]): ComposeProblem {
  if (kind === "text") return text === "" ? "empty" : "";
  if (messages.length === 0 || messages.every((m) => m.content === "")) return "empty";
  if (messages.some((m) => m.content === "")) return "emptyTurn";
  const last = messages.at(-1)?.role;
  return last === "user" || last === "assistant" ? "" : "lastRole";
}

type Asked = { model: string; policy: PolicyMode; input: string | Message[]; purpose: string };

/** Judging what is in the draft, and judging the same again to see that it stays. */
export function useJudge() {
  const draft = useDraft();
  const problem = ref<ComposeProblem>("");
  const repeated = ref<"" | "same" | "differs">("");

  const ask = async (signal: AbortSignal, asked: Asked): Promise<ShownVerdict> => {
    const body = { ...(asked.model ? { model: asked.model } : {}), policy: asked.policy, input: asked.input };
    return unwrap(api.POST("/api/v1/moderations", { params: { header: purposeHeader(asked.purpose) }, body, signal }));
  };

  const judging = useAsyncAction(ask);
  const repeating = useAsyncAction(ask);

  /** Fills in the place in the audit, which the answer itself does not carry. */
  async function locate(verdict: ShownVerdict): Promise<void> {
    try {
      const row = await unwrap(api.GET("/api/v1/moderations/{id}", { params: { path: { id: verdict.id } } }));
      if (draft.verdict?.id === verdict.id) draft.verdict = { ...verdict, audit_seq: row.audit_seq, audit_id: row.audit_id };
    } catch {
      // the card then shows the row's hash, which the verdict carries itself
    }
  }

  async function judge(): Promise<void> {
    problem.value = composeProblem(draft.kind, draft.text, draft.messages);
    repeated.value = "";
    if (problem.value) return;
    const input = draft.kind === "text" ? draft.text : draft.messages.map((m) => ({ ...m }));
    const asked: Asked = { model: draft.model, policy: draft.policy, input, purpose: draft.purpose };
    const verdict = await judging.run(asked);
    if (!verdict) return;
    draft.verdict = verdict;
    draft.judged = asked;
    void locate(verdict);
  }

  async function repeat(): Promise<void> {
    if (!draft.judged || !draft.verdict) return;
    const before = draft.verdict;
    const again = await repeating.run(draft.judged);
    if (!again) return;
    const near = (["safe", "controversial", "unsafe", "other"] as const).every((k) => Math.abs(before.scores[k] - again.scores[k]) < 0.0005);
    repeated.value = near && before.severity === again.severity && before.action === again.action ? "same" : "differs";
    if (repeated.value === "differs") {
      draft.verdict = again;
      void locate(again);
    }
  }

  return { problem, repeated, judging, repeating, judge, repeat };
}
