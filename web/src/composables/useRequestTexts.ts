import { useI18n } from "vue-i18n";
import type { AccessRequest } from "@/api/types";
import { useSession } from "@/stores/session";
import { useFormat } from "./useFormat";

/** What is said of requests for access. */
export function useRequestTexts() {
  const { t, locale } = useI18n();
  const format = useFormat();
  const session = useSession();
  const verbs = (operations: readonly string[]) => new Intl.ListFormat(locale.value, { type: "conjunction" }).format(operations.map((o) => t("requests.op." + o)));
  const own = (r: AccessRequest) => r.user_id === session.user?.id;
  const who = (r: AccessRequest) => r.display_name || r.username;
  /** A day where it ends with the day, else with its time. */
  const until = (at: string) => {
    const d = new Date(at);
    return d.getHours() === 23 && d.getMinutes() === 59 ? format.day(at) : `${format.day(at)} ${format.time(at)}`;
  };
  const values = (r: AccessRequest) => ({ who: who(r), operations: verbs(r.operations), model: r.model, until: until(r.until) });

  return {
    own,
    who,
    until,
    verbs,
    values,
    icon: (r: AccessRequest) => ({ open: "clock", approved: "allow", declined: "deny", withdrawn: "undo", expired: "cal" })[r.status],
  };
}
