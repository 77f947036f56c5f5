import { defineStore } from "pinia";
import { ref, shallowRef } from "vue";
import type { Message, PolicyMode, ShownVerdict } from "@/api/types";

export type ComposeKind = "text" | "conversation";

const blank = (): Message[] => [{ role: "user", content: "" }];

/**
 * What somebody is writing on the moderate page. Kept in memory only, so that a session that ends by itself
 * loses nothing; another person who signs in afterwards finds it empty.
 */
export const useDraft = defineStore("draft", () => {
  const owner = ref("");
  const kind = ref<ComposeKind>("text");
  const text = ref("");
  const messages = ref<Message[]>(blank());
  const model = ref("");
  const policy = ref<PolicyMode>("strict");
  /** What it is for. Asked for once a rule wanted to know. */
  const purpose = ref("");
  const wantsPurpose = ref(false);
  const verdict = shallowRef<ShownVerdict | null>(null);
  const judged = shallowRef<{ model: string; policy: PolicyMode; input: string | Message[]; purpose: string } | null>(null);

  function clear(): void {
    text.value = "";
    messages.value = blank();
  }

  /** Takes the page over for a person; what another one left is dropped. */
  function claim(userId: string): void {
    if (owner.value === userId) return;
    owner.value = userId;
    clear();
    purpose.value = "";
    wantsPurpose.value = false;
    verdict.value = null;
    judged.value = null;
  }

  return { kind, text, messages, model, policy, purpose, wantsPurpose, verdict, judged, clear, claim };
});
