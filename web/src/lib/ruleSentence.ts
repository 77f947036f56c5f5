import { readRate } from "./rate";
import { parseHours } from "./ruleHours";
import { changedFields, fieldOf, type RuleField, type RuleText } from "./rules";
import type { RuleWords } from "./ruleWords";

/** A stretch of a sentence. What has a field is a marked piece: it leads to that field of the form. */
export interface Piece {
  text: string;
  field?: RuleField;
  effect?: "allow" | "deny";
  changed?: boolean;
}
export interface SentenceOptions {
  /** The rule as it was: pieces that are new since carry a mark. */
  before?: RuleText | null;
  /** For lists: without the models where they are this one alone, days short, no time zone. */
  short?: boolean;
  model?: string;
}

const most = 4;
/** Characters that no text holds, around the number of a piece. */
const mark = /\u{F0000}(\d+)\u{F0001}/gu;

/** A text of the catalogue whose values are pieces: the language puts them in their order. */
function rich(words: RuleWords, key: string, values: Record<string, readonly Piece[]>): Piece[] {
  const all: Piece[] = [];
  const named = Object.fromEntries(Object.entries(values).map(([name, pieces]) => [name, pieces.map((p) => `\u{F0000}${all.push(p) - 1}\u{F0001}`).join("")]));
  return words.t("rules.sentence." + key, named).split(mark).flatMap((part, i) => {
    const piece = i % 2 === 1 ? all[Number(part)] : { text: part };
    return piece && piece.text !== "" ? [piece] : [];
  });
}

function join(words: RuleWords, pieces: readonly Piece[], last: "and" | "andDo"): Piece[] {
  return pieces.flatMap((p, i) => (i === 0 ? [p] : [{ text: words.t("rules.join." + (i < pieces.length - 1 ? "gap" : last)) }, p]));
}

/** A piece for each value, the rest counted. New ones are marked; where values only went, all are. */
function values(words: RuleWords, rule: RuleText, field: "principals" | "operations" | "models" | "ip_ranges", options: SentenceOptions): Piece[] {
  const now = fieldOf(rule, field) as readonly string[];
  const old = options.before ? (fieldOf(options.before, field) as readonly string[]) : now;
  const fresh = now.filter((v) => !old.includes(v));
  const lost = fresh.length === 0 && old.some((v) => !now.includes(v));
  const shown = now.length > most ? now.slice(0, most - 1) : now;
  const pieces: Piece[] = shown.map((v) => ({ text: words.value(field, v), field, changed: lost || fresh.includes(v) }));
  if (now.length > shown.length) pieces.push({ text: words.t("rules.sentence.more", { n: now.length - shown.length }), field, changed: lost || now.slice(shown.length).some((v) => fresh.includes(v)) });
  if (pieces.length === 0) pieces.push({ text: words.t("rules.sentence.none." + field), field, changed: lost });
  return join(words, pieces, field === "operations" ? "andDo" : "and");
}

function conditions(words: RuleWords, rule: RuleText, changed: (field: RuleField) => boolean, options: SentenceOptions): Piece[][] {
  const c = rule.conditions ?? {};
  const piece = (field: RuleField, text: string): Piece[] => [{ text, field, changed: changed(field) }];
  const kind = rule.effect === "allow" ? "Allow" : "Deny";
  const out: Piece[][] = [];
  if (c.hours) {
    const zone = parseHours(c.hours)?.zone;
    const plain = options.short || !zone;
    out.push(rich(words, (plain ? "hours" : "hoursZone") + kind, { hours: piece("hours", words.hours(c.hours, options.short)), zone: plain ? [] : [{ text: words.zone(zone) }] }));
  }
  if (c.rate_limit) {
    const rate = readRate(c.rate_limit);
    out.push(rich(words, "rate", { rate: piece("rate_limit", rate ? words.t("rules.rate", { ...rate }) : c.rate_limit) }));
  }
  const from = piece("valid_from", c.valid_from ? words.date(c.valid_from) : "");
  const until = piece("valid_until", c.valid_until ? words.date(c.valid_until) : "");
  if (c.valid_from || c.valid_until) out.push(rich(words, c.valid_from && c.valid_until ? "span" : c.valid_from ? "since" : "until", { from, until }));
  if (c.purpose) out.push(rich(words, "purpose" + kind, { purpose: piece("purpose", words.t("rules.sentence." + `purpose${kind}Word`)) }));
  return out;
}

/** What a rule does, in a sentence made of pieces. Lists, the form, requests and the audit say it with this. */
export function ruleSentence(rule: RuleText, words: RuleWords, options: SentenceOptions = {}): Piece[] {
  const own = options.short && options.model !== undefined && (rule.models ?? []).length === 1 && rule.models?.[0] === options.model;
  const differ = new Set(options.before ? changedFields(options.before, rule) : []);
  const changed = (field: RuleField) => differ.has(field);
  const every = rule.operations.includes("*");
  const addresses = rule.conditions?.ip_ranges?.length ? rich(words, "from", { from: values(words, rule, "ip_ranges", options) }) : [];
  const asked = conditions(words, rule, changed, options).flatMap((clause, i) => [{ text: words.t("rules.sentence." + (i === 0 ? "first" : "next")) }, ...clause]);
  const sentence = rich(words, rule.effect + (every ? "Every" : "") + (own ? "Here" : ""), {
    effect: [{ text: words.t("rules.effectWord." + rule.effect), field: "effect", effect: rule.effect, changed: changed("effect") }],
    who: values(words, rule, "principals", options),
    ops: every ? [{ text: words.t("rules.sentence.everyOperation"), field: "operations", changed: changed("operations") }] : values(words, rule, "operations", options),
    models: own ? [] : values(words, rule, "models", options),
    from: addresses,
    conditions: asked,
  });
  if (rule.mode === "report-only" && !options.short) sentence.push(...rich(words, "reportOnly", { mode: [{ text: words.t("rules.sentence.reportOnlyWord"), field: "mode", changed: changed("mode") }] }));
  return words.spaced(sentence);
}

export const sentenceText = (pieces: readonly Piece[]): string => pieces.map((p) => p.text).join("");
