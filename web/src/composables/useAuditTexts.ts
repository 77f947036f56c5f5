import { useI18n } from "vue-i18n";
import { useNames } from "@/stores/names";
import { useSession } from "@/stores/session";
import type { AuditEvent, Severity, VerdictAction } from "@/api/types";

const severities: Severity[] = ["Safe", "Controversial", "Unsafe"];
const actions: VerdictAction[] = ["allow", "block", "review"];

interface Judged {
  severity: Severity;
  action?: VerdictAction;
}

const weight = (j: Judged): number => (j.action === "block" ? 20 : j.action === "review" ? 10 : 0) + severities.indexOf(j.severity);

function judged(value: unknown): Judged | null {
  if (typeof value !== "object" || value === null) return null;
  const v = value as Record<string, unknown>;
  const severity = severities.find((s) => s === v.severity);
  return severity ? { severity, action: actions.find((a) => a === v.action) } : null;
}

/** The verdicts that a row's details tell of: the gravest, and how many there were. null if there are none. */
export function severityOf(event: AuditEvent): (Judged & { count: number }) | null {
  const verdicts: unknown[] = Array.isArray(event.details.verdicts) ? event.details.verdicts : [];
  const all = verdicts.map(judged).filter((j): j is Judged => j !== null);
  if (all.length === 0) return null;
  const worst = all.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  return { ...worst, count: all.length };
}

/** Words for audit rows, made from codes; a code without words is shown as it is. */
export function useAuditTexts() {
  const { t, te } = useI18n();
  const session = useSession();
  const names = useNames();
  const words = (prefix: string, code: string) => (te(`${prefix}.${code}`) ? t(`${prefix}.${code}`) : code);

  /** Action names hold dots, which are paths in the catalogue. */
  const slug = (action: string) => action.replaceAll(".", "_");

  /** What an action is called. */
  const act = (action: string): string => (te("deed." + slug(action)) ? t("deed." + slug(action)) : action);

  /** The same as something to do: "manage users". */
  const may = (action: string): string => (te("deedDo." + slug(action)) ? t("deedDo." + slug(action)) : action);

  const who = (event: AuditEvent): string => {
    if (event.actor.name) return event.actor.name;
    return event.actor.type === "anonymous" ? t("actor.anonymous") : event.actor.id || t("actor." + event.actor.type);
  };

  /** A thing as a person reads it: one's own account by name, an id shortened, all else as it is. */
  const resource = (event: AuditEvent): string => {
    if (session.user && event.resource === "user:" + session.user.id) return session.user.username;
    const known = event.resource.startsWith("user:") ? names.of(event.resource.slice(5)) : undefined;
    if (known) return known;
    return event.resource.replace(/^(\w+:\w{3,4}_)\w+(\w{4})$/, "$1…$2");
  };

  const roleName = (role: string): string => words("role", role);

  const reason = (event: AuditEvent): string => (event.reason ? words("reason", event.reason) : "");

  /** An act of administration by what it changed of which kind of thing; several changes at once are told in general. Between Chinese words stands no blank. */
  const sentence = (event: AuditEvent): string => {
    const [kind = "", name = ""] = event.resource.split(":");
    const said = (key: string): string => (typeof event.details[key] === "string" ? String(event.details[key]) : "");
    const called = kind === "user" ? (names.of(name) ?? resource(event).replace(/^user:/, "")) : kind === "group" ? said("name") || name : name;
    const member = said("member").replace(/^user:/, "");
    const values = { who: event.actor.name || event.actor.type !== "anonymous" ? who(event) : t("actor.somebody"), action: event.action, model: event.model || "–", resource: event.resource, name: called, act: act(event.action), member: names.of(member) ?? member, rule: said("rule") };
    const general = `sentence.${event.decision}.${slug(event.action)}`;
    const exact = [general, kind, event.details.change].filter(Boolean).join("_");
    const key = [exact === general ? "" : exact, event.model ? "" : general + "_bare", general].find((k) => k !== "" && te(k));
    return t(key ?? `sentence.${event.decision}.other`, values).replace(/(\p{Script=Han}) (?=\p{Script=Han})/gu, "$1");
  };

  /** What came out of it, for the last column: a reason, a count, or nothing to say. */
  const outcome = (event: AuditEvent): string => {
    const text = reason(event);
    if (text) return text;
    const items = event.details.items;
    if (typeof items === "number" && items > 1) return t("audit.items", { n: items });
    // signing in and out: the object is the person or the session, which stands elsewhere already
    return (event.action.startsWith("auth.") ? "" : resource(event)) || "–";
  };

  /** Why, for the opened event: the rule that decided, or the reason, in a sentence. */
  const why = (event: AuditEvent): string => {
    if (event.decision === "allow") return t(event.rule_id ? "why.rule" : "why.role", { rule: event.rule_id });
    const values = { action: may(event.action), role: event.roles[0] ? roleName(event.roles[0]) : "–" };
    const text = te("whyReason." + event.reason) ? t("whyReason." + event.reason, values) : reason(event);
    return text || t("why.unknown");
  };

  return { who, act, reason, sentence, outcome, why };
}
