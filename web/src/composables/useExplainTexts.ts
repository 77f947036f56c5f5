import { useI18n } from "vue-i18n";
import type { CheckedCondition, Explanation, ExplainStep, WayToPass } from "@/api/types";
import { useFormat } from "./useFormat";
import { useLimitTexts } from "./useLimitTexts";
import { usePeopleTexts } from "./usePeopleTexts";
import { useRuleSentence } from "./useRuleSentence";
import { parseHours } from "@/lib/ruleHours";

const barred = ["account_disabled", "key_ended"];

/** An explanation in words, made from its codes; the server's English stands only where no code does. */
export function useExplainTexts() {
  const { t, te } = useI18n();
  const format = useFormat();
  const people = usePeopleTexts();
  const limits = useLimitTexts();

  const { words } = useRuleSentence();
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

  /** A moment as clocks show it in a zone, which is named: the day of the week alone, or with the date. */
  function clock(at: string, zone: string, dated: boolean): { day: string; time: string; zone: string } {
    const show = (o: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(format.locale.value, { hour12: false, timeZone: zone, ...o }).format(new Date(at));
    const day = show(dated ? { weekday: "long", day: "numeric", month: "long" } : { weekday: "long" }).replace(/(\d+)月(\d+)日\s*/, "$1 月 $2 日 ");
    return { day, time: show({ hour: "2-digit", minute: "2-digit" }), zone: words.value.zone(zone) };
  }
  /** The zone that a rule's hours are in; without hours, or where the browser does not know it, that of whoever reads. */
  function zoneOf(hours: string | undefined): string {
    const zone = parseHours(hours ?? "")?.zone ?? here;
    try {
      return new Intl.DateTimeFormat("en", { timeZone: zone }) && zone;
    } catch {
      return here;
    }
  }
  const hoursOf = (answer: Explanation, rule: string) => answer.considered.find((c) => c.rule_id === rule)?.conditions.find((c) => c.name === "hours")?.value;
  const moment = (at: string, zone = here) => t("rules.explain.moment", clock(at, zone, true));

  const stamp = (text: string) => (Number.isNaN(Date.parse(text)) ? text : t("rules.explain.stamp", { at: format.full(text).replace(/:\d\d$/, ""), zone: words.value.zone(here) }));

  /** Why one condition fails: Saturday is outside the hours. */
  function failed(answer: Explanation, c: CheckedCondition | undefined, name: string, addressed: boolean): string {
    const key = name === "ip_ranges" && !addressed ? "no_address" : name;
    return t("rules.explain.failed." + key, { value: name.startsWith("valid_") ? stamp(c?.value ?? "") : (c?.value ?? ""), ...clock(answer.at, name === "hours" ? zoneOf(c?.value) : here, false) });
  }

  /** `addressed` says whether the question gave an address. */
  function why(answer: Explanation, addressed = true): string {
    if (answer.failing_condition) {
      const nearest = answer.considered.find((c) => c.effect === "allow" && c.principal && !c.holds && c.mode === "enforce" && c.conditions.find((x) => !x.holds)?.name === answer.failing_condition && (!answer.rule_id || c.rule_id === answer.rule_id));
      const text = failed(answer, nearest?.conditions.find((c) => c.name === answer.failing_condition), answer.failing_condition, addressed);
      return nearest ? t("rules.explain.nearest", { rule: nearest.rule_id, text }) : t("rules.explain.nearestNone", { text });
    }
    if (answer.limit) return limits.without(answer.limit);
    const key = "rules.explain.reason." + answer.reason;
    return te(key) ? t(key, { rule: answer.rule_id ?? "", model: answer.model }) : t("rules.explain.reasonOther", { reason: answer.reason });
  }

  /** A role step also fails where nobody can come as this principal at all, whatever its role may do. */
  const step = (s: ExplainStep, answer: Explanation): string => s.name === "role" && s.outcome === "fail" && barred.includes(answer.reason) ? t("rules.explain.step.role.barred") : t(`rules.explain.step.${s.name}.${s.outcome === "fail" || (s.name === "matched" && s.allows + s.denies === 0) ? "fail" : "pass"}`, { rule: s.rule_id ?? "", rules: s.rules, n: s.allows + s.denies });

  function stepNote(s: ExplainStep, answer: Explanation): string {
    if (s.name === "role") return s.action && !barred.includes(answer.reason) ? `${people.inText(s.role)} → ${s.action}` : "";
    if (s.name === "matched") return t("rules.explain.matched", { denies: s.denies, allows: s.allows });
    if (s.name === "deny" && s.outcome === "pass") return answer.considered.filter((c) => c.effect === "deny" && c.principal && c.mode === "enforce" && !c.holds).slice(0, 2).map((c) => t("rules.explain.denyIdle", { rule: c.rule_id })).join(t("rules.join.gap"));
    if (s.name === "report_only") return t("rules.explain.decidesNothing");
    // A rule that allows or denies stands in the step's own words.
    return s.rule_id && ((s.name === "allow" && s.outcome === "fail") || s.name === "key_rule") ? s.rule_id : "";
  }

  function way(w: WayToPass, answer: Explanation): string {
    if (w.kind !== "conditions") return t("rules.explain.way." + w.kind, { rule: w.rule_id });
    const parts = [w.at ? t("rules.explain.way.at", { moment: moment(w.at, zoneOf(hoursOf(answer, w.rule_id))) }) : "", w.ip ? t("rules.explain.way.ip", { ip: w.ip }) : "", w.purpose ? t("rules.explain.way.purpose") : ""].filter(Boolean);
    return parts.length > 0 ? parts.join(t("rules.join.gap")) : w.text;
  }
  return { why, step, stepNote, way, moment };
}
