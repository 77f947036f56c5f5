import { readRate } from "./rate";
import type { RuleConditions, RuleText } from "./rules";

/** A rule before and after; null is one that is not there. */
export interface RuleStep {
  before: RuleText | null;
  after: RuleText | null;
}

/**
 * Whether somebody may do more after these changes than before: an allow comes or reaches further, a deny goes or reaches less
 * far. The server asks for the password then; asked here first, it is asked once. Both hold themselves to the same examples.
 */
export const opensMore = (steps: readonly RuleStep[], openByDefault: boolean): boolean => steps.some((s) => letsIn(decides(s.before), decides(s.after), openByDefault));

const decides = (r: RuleText | null) => (r?.mode === "report-only" ? null : r);

function letsIn(before: RuleText | null, after: RuleText | null, open: boolean): boolean {
  if (!before) return after?.effect === "allow";
  if (before.effect === "deny") return after?.effect !== "deny" || !within(before, after);
  const key = before.principals.some((p) => p.startsWith("key:"));
  if (after?.effect !== "allow") return open || key; // its models fall to the default, its keys are held to it no more
  if (!within(after, before) || !namesKeys(before, after)) return true;
  if (!all(before.models, after.models)) return open || key;
  return key && !(namesKeys(after, before) && all(before.operations, after.operations));
}

/** Whether the one names the keys of the other. A key that is only among everybody is held to nothing, and let in by nothing where it is held. */
const namesKeys = (r: RuleText, other: RuleText) => other.principals.every((p) => !p.startsWith("key:") || r.principals.includes(p));

const within = (narrow: RuleText, wide: RuleText) => all(narrow.principals, wide.principals) && all(narrow.models, wide.models) && all(narrow.operations, wide.operations) && stricter(narrow.conditions ?? {}, wide.conditions ?? {});

function all(few: readonly string[] = [], many: readonly string[] = []): boolean {
  return many.includes("*") || few.every((x) => many.includes(x));
}

/** Whether the one's conditions never hold without the other's. */
function stricter(narrow: RuleConditions, wide: RuleConditions): boolean {
  const ranges = !wide.ip_ranges?.length || (!!narrow.ip_ranges?.length && all(narrow.ip_ranges, wide.ip_ranges));
  const hours = !wide.hours || narrow.hours === wide.hours;
  const from = !wide.valid_from || (!!narrow.valid_from && Date.parse(narrow.valid_from) >= Date.parse(wide.valid_from));
  const until = !wide.valid_until || (!!narrow.valid_until && Date.parse(narrow.valid_until) <= Date.parse(wide.valid_until));
  return ranges && slower(narrow.rate_limit, wide.rate_limit) && hours && from && until && (!wide.purpose || !!narrow.purpose);
}

const seconds = { s: 1, min: 60, h: 3_600, day: 86_400 };

function slower(narrow?: string, wide?: string): boolean {
  if (!wide) return true;
  const [a, b] = [readRate(narrow ?? ""), readRate(wide)];
  return !!a && !!b && a.n <= b.n && seconds[a.unit] >= seconds[b.unit];
}
