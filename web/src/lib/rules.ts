import { readRate } from "./rate";

/** One model rule as the API writes it. */
export interface RuleText {
  id?: string;
  effect: "allow" | "deny";
  principals: string[];
  models?: string[];
  operations: string[];
  conditions?: RuleConditions;
  mode?: "enforce" | "report-only";
  note?: string;
  owner?: string;
}
export interface RuleConditions {
  ip_ranges?: string[];
  rate_limit?: string;
  valid_from?: string;
  valid_until?: string;
  hours?: string;
  purpose?: "required";
}

/** The fields of a rule in the order of the form. */
export const ruleFields = ["effect", "mode", "principals", "operations", "models", "ip_ranges", "rate_limit", "hours", "valid_until", "valid_from", "purpose", "note", "owner"] as const;
export type RuleField = (typeof ruleFields)[number];
const conditionFields = ["ip_ranges", "rate_limit", "hours", "valid_until", "valid_from", "purpose"] as const;
export type ConditionField = (typeof conditionFields)[number];
export const operations = ["view", "infer", "train", "download"] as const;

/** A field's value; the same for a member that is left out and for one that says nothing. */
export function fieldOf(rule: RuleText, field: RuleField): string | readonly string[] {
  if ((conditionFields as readonly string[]).includes(field)) return rule.conditions?.[field as ConditionField] ?? (field === "ip_ranges" ? [] : "");
  if (field === "mode") return rule.mode ?? "enforce";
  if (field === "models") return rule.models ?? [];
  if (field === "note" || field === "owner") return rule[field] ?? "";
  return rule[field as "effect" | "principals" | "operations"];
}

/** The rule with every member that GET answers. */
export type WholeRule = Required<RuleText> & { operations: ("view" | "infer" | "train" | "download" | "*")[] };
export const written = (rule: RuleText): WholeRule => ({ id: "", models: [], conditions: {}, mode: "enforce", note: "", owner: "", ...rule }) as WholeRule;

const sorted = (v: string | readonly string[]) => (typeof v === "string" ? v : [...v].sort().join("\n"));
/** What a value means, in whichever spelling. */
function meaning(field: RuleField, v: string | readonly string[]): string {
  if (typeof v !== "string" || v === "") return sorted(v);
  if (field === "valid_from" || field === "valid_until") return String(Date.parse(v));
  return field === "rate_limit" ? JSON.stringify(readRate(v) ?? v) : v;
}

/** The fields in which two rules differ; the order of lists is none. */
export function changedFields(before: RuleText, after: RuleText): RuleField[] {
  return ruleFields.filter((f) => meaning(f, fieldOf(before, f)) !== meaning(f, fieldOf(after, f)));
}

/** The rule with another value of a field; an empty condition is left out. */
export function withField(rule: RuleText, field: RuleField, value: string | readonly string[]): RuleText {
  if (!(conditionFields as readonly string[]).includes(field)) return { ...rule, [field]: value };
  const conditions: Record<string, unknown> = { ...rule.conditions, [field]: value };
  if (value.length === 0) delete conditions[field];
  return { ...rule, conditions };
}

/** Whether a pattern of a rule names a model; '*' stands for any run of characters. */
export function matchesModel(pattern: string, model: string): boolean {
  if (!pattern.includes("*")) return pattern === model;
  const parts = pattern.split("*");
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (!model.startsWith(first) || !model.endsWith(last) || model.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = model.indexOf(part, at);
    if (found < 0 || found + part.length > model.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
export const concerns = (rule: RuleText, model: string): boolean => (rule.models ?? []).some((p) => matchesModel(p, model));

/** An id that tells what the rule does and that no other rule has. */
export function proposeId(rule: RuleText, taken: readonly string[]): string {
  const word = (text: string) => text.replace(/^\w+:/, "").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase();
  const who = rule.principals[0] === "*" ? "everyone" : word(rule.principals[0] ?? "");
  const parts = [rule.effect, who, word(rule.models?.[0] ?? "")].filter(Boolean);
  const base = parts.join("-").slice(0, 56).replace(/-+$/, "");
  const ids = new Set(taken);
  for (let n = 1; ; n++) {
    const id = n === 1 ? base : `${base}-${n}`;
    if (!ids.has(id)) return id;
  }
}
export const validId = (id: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id);
