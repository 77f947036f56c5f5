import { parseHours } from "./ruleHours";
import { fieldOf, ruleFields, type RuleField, type RuleText } from "./rules";

/** What the server, or the form itself, does not take of a rule: the text is a key under rules.refused. */
export interface Refusal {
  /** The rule's id, as it was proposed. */
  rule: string;
  field: RuleField;
  text: "user" | "role" | "group" | "key" | "zone" | "until" | "other";
  /** The one value that it is about, "" for the whole field. */
  value: string;
}

const path = /^rules\[(\d+)\]\.(?:conditions\.)?([a-z_]+)(?:\[(\d+)\])?/;
const isField = (name: string): name is RuleField => (ruleFields as readonly string[]).includes(name);

/** A rule that ends before it begins never holds, and the server refuses it. */
export function endsFirst(rule: RuleText): boolean {
  const [from, until] = [fieldOf(rule, "valid_from"), fieldOf(rule, "valid_until")].map((at) => Date.parse(String(at)));
  return from !== undefined && until !== undefined && until <= from;
}

/** Whom a principal should have been: the kind of its text. */
function kind(value: string): Refusal["text"] {
  const word = value.slice(0, Math.max(0, value.indexOf(":")));
  return word === "user" || word === "role" || word === "group" || word === "key" ? word : "other";
}

function reason(field: RuleField, value: string, rule: RuleText, unknown: boolean): Refusal["text"] {
  if ((field === "valid_until" || field === "valid_from") && endsFirst(rule)) return "until";
  // The form writes days and times itself, so that a zone is all that may be unknown.
  if (field === "hours" && parseHours(value)) return "zone";
  return unknown && (field === "principals" || field === "owner") ? kind(value) : "other";
}

/** The field of one of these rules that an error is about, null where it is about none. */
export function refusalOf(error: { field: string; code: string } | null | undefined, rules: readonly RuleText[]): Refusal | null {
  const [, index = "", name = "", at = ""] = path.exec(error?.field ?? "") ?? [];
  const rule = rules[Number(index)];
  if (!error || index === "" || !rule || !isField(name)) return null;
  const all = fieldOf(rule, name);
  const value = typeof all === "string" ? all : (all[Number(at)] ?? "");
  return { rule: rule.id ?? "", field: name, text: reason(name, value, rule, error.code === "unprocessable"), value: at === "" && typeof all !== "string" ? "" : value };
}

/** What is named in the text of a refusal: a name without its kind, a zone without its hours. */
export function refusedName(refusal: Refusal): string {
  return refusal.text === "zone" ? (parseHours(refusal.value)?.zone ?? "") : refusal.value.slice(refusal.value.indexOf(":") + 1);
}
