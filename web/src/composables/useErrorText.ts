import { useI18n } from "vue-i18n";
import type { ApiError } from "@/api/error";
import { useLimitTexts } from "./useLimitTexts";
import { useServerSaid } from "./useServerSaid";

const known = new Set([
  "invalid", "unauthenticated", "forbidden", "not_found", "not_available", "method_not_allowed", "conflict", "precondition_failed", "too_large", "unsupported_media", "misdirected", "unprocessable",
  "rate_limited", "canceled", "internal", "setup_required", "busy", "loading", "audit_unavailable", "timeout", "offline", "confirmation_required", "not_in_force",
  "payload_refused", "crash_stopped",
]);

/** Texts are made here from the code; the server's English detail is added only where it names a limit or a field. */
export function useErrorText() {
  const { t } = useI18n();
  const limits = useLimitTexts();
  const said = useServerSaid();

  function wait(seconds: number): string {
    if (seconds < 90) return t("error.waitSeconds", { n: seconds });
    const minutes = Math.ceil(seconds / 60);
    if (minutes > 90) return t("error.waitHours", { n: Math.ceil(minutes / 60) });
    return t("error.waitMinutes", { n: minutes });
  }

  return (error: ApiError): { title: string; detail: string } => {
    if (error.limit) return { title: limits.title(error.limit), detail: limits.detail(error.limit) };
    const code = known.has(error.code) ? error.code : "internal";
    const parts = [t(`error.${code}.detail`)];
    if (error.queue) parts.push(t(error.queue.position > 0 ? "error.linePlace" : "error.line", { ...error.queue }));
    if (error.retryAfter !== null) parts.push(wait(error.retryAfter));
    if ((code === "too_large" || code === "invalid" || code === "unprocessable" || code === "conflict") && error.detail) parts.push(said(error.detail));
    return { title: t(`error.${code}.title`), detail: parts.filter(Boolean).join(" ") };
  };
}
