import { useI18n } from "vue-i18n";
import { useRouter, type RouteLocationRaw } from "vue-router";
import type { OverviewNeed } from "@/api/types";
import { opens, pageOf } from "@/pages";
import { auditTabOf } from "@/lib/auditTabs";
import { useAccess } from "./useAccess";
import { useKeyName } from "./useAlertTexts";
import { useFileProblem } from "./useFileProblem";
import { useFormat } from "./useFormat";
import { useProofTexts } from "./useProofTexts";

const icons: Record<string, string> = {
  chain_broken: "unsafe", chain_unchecked: "seal", chain_stale: "seal", checkpoint_failing: "seal", anchor_failing: "seal", anchor_foreign: "seal", anchor_none: "seal", audit_unwritable: "audit", disk_full: "system", disk_low: "system", model_failed: "models", model_loading: "clock",
  certificate_ended: "cal", certificate_ends: "cal", sign_in_burst: "lock", queue_full: "gauge", keys_suspended: "keys", keys_ending: "keys", keys_unused: "keys", last_admin: "users", settings_ignored: "gauge", acl_file_invalid: "rules", acl_default_left: "rules", requests_open: "approvals", review_due: "rules",
  export_failing: "export", key_leaked: "keys", forwarding_stuck: "net", backup_none: "export", backup_old: "export", checks_failed: "system",
};

/** Words, an icon and a way to go for each need. What the server names and this console does not know is told by its code. */
export function useNeedTexts() {
  const { t, te } = useI18n();
  const format = useFormat();
  const router = useRouter();
  const { can } = useAccess();
  const problem = useFileProblem();
  const proof = useProofTexts();
  const keyName = useKeyName();

  function values(need: OverviewNeed): Record<string, string | number> {
    const out: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(need.params)) {
      if (name === "bytes" && typeof value === "number") out[name] = format.bytes(value);
      else if ((name === "ends" || name === "at") && typeof value === "string") out[name] = format.day(value);
      else if (name === "finding" && typeof value === "string") out[name] = t("finding." + (te("finding." + value) ? value : "other"));
      else if (name === "reason" && typeof value === "string") out[name] = te("needReason." + value) ? t("needReason." + value) : value;
      else if (name === "problem" && typeof value === "string") out[name] = typeof need.params.why === "string" ? proof.why(need.params.why, value) : problem(value);
      else if (name === "key" && need.code === "key_leaked") out[name] = keyName(need.params);
      else out[name] = value;
    }
    return out;
  }
  const words = (need: OverviewNeed, part: "title" | "text" | "do") => {
    const key = `need.${need.code}.${part}`;
    return te(key) ? t(key, values(need)) : part === "title" ? need.code : "";
  };

  /** Where it is seen to, where that page is built and open to this person. */
  function target(need: OverviewNeed): RouteLocationRaw | null {
    const { page, id, query } = need.to;
    const row = auditTabOf(page) ?? pageOf(page === "reviews" ? "requests" : page); // a tab of it
    if (!row || !router.hasRoute(page) || !opens(row, can)) return null;
    return { name: page, query, ...(id && page === "models" ? { params: { id } } : {}) };
  }

  return {
    icon: (need: OverviewNeed) => icons[need.code] ?? "info",
    title: (need: OverviewNeed) => words(need, "title"),
    text: (need: OverviewNeed) => words(need, "text"),
    button: (need: OverviewNeed) => words(need, "do") || t("overview.look"),
    target,
  };
}
