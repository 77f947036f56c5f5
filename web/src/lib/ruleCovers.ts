import { matchesModel, type RuleText } from "./rules";

const holdsAlways = (rule: RuleText): boolean => (rule.mode ?? "enforce") === "enforce" && Object.keys(rule.conditions ?? {}).length === 0;
const within = (of: readonly string[], all: readonly string[]): boolean => all.includes("*") || of.every((x) => all.includes(x));

/**
 * Whether a rule changes nothing beside another of its effect, which holds always and names all that it names. It is a first
 * look before saving; what the server finds afterwards goes further. Rules of keys narrow what others open, so they count.
 */
export function covers(other: RuleText, rule: RuleText): boolean {
  if (other.effect !== rule.effect || !holdsAlways(other) || (rule.mode ?? "enforce") !== "enforce" || rule.principals.some((p) => p.startsWith("key:"))) return false;
  const models = rule.models ?? [];
  return models.length > 0 && rule.principals.length > 0 && within(rule.principals, other.principals) && within(rule.operations, other.operations) && models.every((m) => (other.models ?? []).some((pattern) => pattern === m || (!m.includes("*") && matchesModel(pattern, m)) || pattern === "*"));
}

/** The first of the rules beside which a rule changes nothing, "" for none. */
export const coveredBy = (rule: RuleText, id: string, all: readonly RuleText[]): string => all.find((r) => r.id !== id && covers(r, rule))?.id ?? "";
