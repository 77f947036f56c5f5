import { computed, onMounted, ref, watch } from "vue";
import { useI18n } from "vue-i18n";
import { api } from "@/api/client";
import { errorFrom } from "@/api/error";
import { useChain } from "@/stores/chain";
import { useDraft } from "@/stores/draft";
import { useServer } from "@/stores/server";
import { useSession } from "@/stores/session";
import { useAccess } from "./useAccess";
import { useFormat } from "./useFormat";
import { useNow } from "./useNow";
import { usePoll } from "./usePoll";

/**
 * The watch line. With audit.read it says what the last walk over the chain found; without, whether the server
 * is able to record at all: then it would not answer a verdict either.
 */
export function useWatch() {
  const chain = useChain();
  const draft = useDraft();
  const server = useServer();
  const session = useSession();
  const { can } = useAccess();
  const { t } = useI18n();
  const format = useFormat();
  const now = useNow();
  const ready = ref<"" | "ready" | "unreachable" | string>("");

  async function ask(): Promise<void> {
    if (can("audit.read")) {
      await chain.load();
      return chain.verifyFirst(session.id);
    }
    try {
      const { error, response } = await api.GET("/readyz");
      ready.value = response.ok ? "ready" : errorFrom(response, error).code;
    } catch {
      ready.value = "offline";
    }
  }

  onMounted(ask);
  watch(() => [draft.verdict?.id, server.backAt], ask);
  usePoll(ask, 45_000);

  return computed(() => {
    // Nothing is known of a server that does not answer: the lamp is out, whatever it was before.
    if (!server.reachable) return { lamp: "ring", title: t(can("audit.read") ? "watch.unknown" : "watch.notReady"), text: t("watch.reason.offline") };
    if (!can("audit.read")) {
      if (ready.value === "ready") return { lamp: "lit", title: t("watch.on"), text: t("watch.recorded") };
      if (ready.value === "") return { lamp: "ring", title: t("watch.checking"), text: t("watch.recorded") };
      return { lamp: "ring", title: t("watch.notReady"), text: t(`watch.reason.${["loading", "audit_unavailable", "offline"].includes(ready.value) ? ready.value : "other"}`) };
    }
    const head = chain.chain?.head;
    const row = head ? t("watch.row", { row: head.seq }) : "";
    const since = head?.at ? format.ago(Date.parse(head.at), now.value) : "";
    const text = [row, since].filter(Boolean).join(" · ");
    if (chain.state === "broken") {
      const verified = chain.chain?.verified;
      const at = verified ? findingRow(verified) : null;
      const title = at ? t("watch.brokenAt", { row: at }) : t("watch.broken");
      return { lamp: "broken", title, text: t("finding." + findingKey(verified?.finding ?? "")) };
    }
    if (chain.state === "whole") return { lamp: "lit", title: t("watch.whole"), text };
    if (chain.state === "checking") return { lamp: "ring", title: t("watch.checking"), text };
    if (chain.state === "unverified") return { lamp: "ring", title: t("watch.unverified"), text };
    return { lamp: "ring", title: chain.error ? t("watch.unknown") : t("watch.checking"), text: chain.error ? t("watch.reason.offline") : "" };
  });
}

const findings = new Set(["edited", "deleted", "inserted", "reordered", "tail-cut", "rebuilt", "clock-back", "restored-old"]);

/** The first word of a finding names it; an unknown one still says that something is wrong. */
export function findingKey(finding: string): string {
  const word = finding.split(/[\s:]/)[0] ?? "";
  return findings.has(word) ? word : "other";
}

/** The row that a finding is about. An older copy that was put back breaks at none: its end moves with every row that follows. */
export function findingRow(verified: { finding: string; finding_seq: number | null }): number | null {
  return findingKey(verified.finding) === "restored-old" ? null : verified.finding_seq;
}
