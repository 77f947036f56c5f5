import { useI18n } from "vue-i18n";
import type { AlertTold } from "@/api/types";
import { useFormat } from "./useFormat";
import { useProofTexts } from "./useProofTexts";
import { findingKey } from "./useWatch";

type Params = Readonly<Record<string, string | number>>;

/** A key by what people know it by; by its id alone where an older release told no more. */
export function useKeyName() {
  const { t } = useI18n();
  return (params: Params): string => (params.prefix ? t("forwarding.about.key", { label: params.label ?? "", prefix: params.prefix, owner: params.owner ?? "" }) : String(params.key ?? ""));
}

/** What an alert is about, in words. */
export function useAlertTexts() {
  const { t, te } = useI18n();
  const format = useFormat();
  const keyName = useKeyName();
  const proof = useProofTexts();

  const about: Record<string, (p: Params) => string> = {
    sign_in_burst: (p) => (p.attempts ? t("forwarding.about.burst", { attempts: p.attempts, addresses: p.addresses ?? 0 }) : ""),
    chain_broken: (p) => (p.finding ? [t("finding." + findingKey(String(p.finding))), p.row ? t("verdict.row", { row: p.row }) : ""].filter(Boolean).join(" · ") : ""),
    disk_low: (p) => (p.free_mib ? t("forwarding.about.disk", { percent: p.percent ?? 0, bytes: format.bytes(Number(p.free_mib) * 1_048_576) }) : ""),
    key_unused: (p) => (Number(p.keys) > 1 ? t("forwarding.about.keys", { key: keyName(p), n: Number(p.keys) - 1 }) : keyName(p)),
    key_leaked: (p) => (p.prefix ? keyName(p) : ""), // the id stands beside
    canary_drift: (p) => String(p.model ?? ""),
    forwarding_stuck: (p) => [p.name, p.address].filter(Boolean).join(" · "),
    anchor_failing: (p) => (p.why ? proof.why(String(p.why), "") : ""),
  };

  return {
    kind: (alert: AlertTold): string => (te("forwarding.alert." + alert.kind) ? t("forwarding.alert." + alert.kind) : alert.kind),
    about: (alert: AlertTold): string => about[alert.kind]?.({ ...alert.params }) ?? "",
    /** What of it is an id: for those who search the log by it. */
    id: (alert: AlertTold): string => (/^[a-z]{3}_\w+$/.test(alert.subject) ? alert.subject : ""),
  };
}
