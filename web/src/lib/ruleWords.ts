import { readRate } from "./rate";
import { dayRuns, parseHours } from "./ruleHours";
import { fieldOf, type RuleField, type RuleText } from "./rules";

type Text = (key: string, values?: Record<string, unknown>) => string;
type Words = { text: string }[];

/** What the words are made from: the catalogue, the language, and names for the ids of keys. */
export interface WordSource {
  t: Text;
  te: (key: string) => boolean;
  locale: string;
  keyName?: (id: string) => string | undefined;
}

const han = /[\u3400-\u9fff]/u;
const latin = /[A-Za-z0-9]/;

/** Words for the parts of a rule in one language. */
export function ruleWords({ t, te, locale, keyName }: WordSource) {
  const zh = locale.startsWith("zh");
  // Monday, 1 January 2024
  const day = (d: number, short: boolean) => new Intl.DateTimeFormat(locale, { weekday: short || zh ? "short" : "long", timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + d));
  const clock = (text: string) => (zh ? text.replace(/^0/, "") : text);
  const all = (list: readonly string[]) => list.map((w, i) => (i === 0 ? "" : t("rules.join." + (i < list.length - 1 ? "gap" : "and"))) + w).join("");

  function principal(text: string): string {
    if (text === "*") return t("rules.who.any");
    const at = text.indexOf(":");
    const [kind, name] = [text.slice(0, at), text.slice(at + 1)];
    if (kind === "role" && te("rules.who.roles." + name)) return t("rules.who.roles." + name);
    if (kind === "user") return name;
    return t("rules.who." + kind, { name: kind === "key" ? (keyName?.(name) ?? name) : name });
  }

  function days(of: readonly number[], short: boolean): string {
    if (of.length === 7) return t("rules.everyDay");
    return all(dayRuns(of).map(([a, b]) => (a === b ? day(a, short) : b === a + 1 ? all([day(a, short), day(b, short)]) : t(short && !zh ? "rules.dayRangeShort" : "rules.dayRange", { from: day(a, short), to: day(b, short) }))));
  }

  function hours(text: string, short = false): string {
    const read = parseHours(text);
    if (!read) return text;
    return read.spans.map((s) => `${days(s.days, short)} ${all(s.times.map((x) => `${clock(x.from)}–${clock(x.to)}`))}`).join(t("rules.join.gap"));
  }

  /** A day where the moment is one's end or beginning; else with its time. */
  function date(at: string): string {
    const d = new Date(at);
    if (Number.isNaN(d.getTime())) return at;
    const long = zh ? t("rules.date", { y: String(d.getFullYear()), m: String(d.getMonth() + 1), d: String(d.getDate()) }) : new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" }).format(d);
    const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(d);
    return time === "23:59" ? long : `${long} ${time}`;
  }

  function value(field: RuleField, text: string): string {
    if (field === "principals") return principal(text);
    if (field === "operations") return text === "*" ? t("rules.sentence.everyOperation") : t("rules.op." + text);
    return field === "models" && text === "*" ? t("rules.everyModel") : text;
  }

  /** A whole field in words, "" for an empty one. */
  function field(rule: RuleText, name: RuleField): string {
    const v = fieldOf(rule, name);
    if (typeof v !== "string") return v.map((x) => value(name, x)).join(t("rules.join.gap"));
    if (v === "") return "";
    if (name === "effect") return t("rules.effectWord." + v);
    if (name === "mode") return t("rules.modeWord." + v);
    if (name === "hours") {
      const read = parseHours(v);
      return read ? t("rules.hoursIn", { hours: hours(v, true), zone: zone(read.zone) }) : v;
    }
    const rate = name === "rate_limit" ? readRate(v) : null;
    if (rate) return t("rules.rate", { ...rate });
    if (name === "valid_from" || name === "valid_until") return date(v);
    return name === "purpose" ? t("rules.required") : v;
  }

  function zone(name: string): string {
    const known = "rules.zones." + name.replaceAll("/", "_");
    return te(known) ? t(known) : t("rules.zoneTime", { zone: name.split("/").at(-1)?.replaceAll("_", " ") ?? name });
  }

  /** A space wherever Chinese and Latin meet between two stretches. */
  function spaced<P extends Words[number]>(pieces: readonly P[]): P[] {
    const meet = (a: string, b: string) => (han.test(a) && latin.test(b)) || (latin.test(a) && han.test(b));
    return pieces.flatMap((p, i) => {
      const before = pieces[i - 1]?.text.at(-1) ?? "";
      return zh && meet(before, p.text.charAt(0)) ? [{ text: " " } as P, p] : [p];
    });
  }
  return { t, value, principal, hours, date, zone, field, spaced };
}
export type RuleWords = ReturnType<typeof ruleWords>;
