import { ruleFields, fieldOf, type RuleText } from "./rules";

/** Words that YAML takes for something else than a text, or that begin like its signs. */
const odd = /^$|^[\s\-?:,[\]{}#&*!|>'"%@`]|[:#](?:\s|$)|\s$|^(?:true|false|null|yes|no|on|off|~)$|^[-+.\d][\d_.:+\-eExXtTzZ]*$|[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/i;
const inFlow = /[,[\]{}]/;

const scalar = (text: string, flow = false): string => (odd.test(text) || (flow && inFlow.test(text)) ? JSON.stringify(text) : text);
const flow = (list: readonly string[]): string => `[${list.map((v) => scalar(v, true)).join(", ")}]`;

/** One rule as a policy file writes it. */
function one(rule: RuleText): string {
  const lines = [`  - id: ${scalar(rule.id ?? "")}`];
  const c = Object.entries(rule.conditions ?? {}) as [string, string | string[]][];
  const add = (key: string, value: string | readonly string[]) => lines.push(`    ${key}: ${typeof value === "string" ? scalar(value) : flow(value)}`);
  for (const f of ["effect", "principals", "models", "operations"] as const) add(f, fieldOf(rule, f));
  if (c.length > 0) lines.push("    conditions:", ...c.map(([k, v]) => `      ${k}: ${typeof v === "string" ? scalar(v) : flow(v)}`));
  for (const f of ruleFields.filter((x) => x === "mode" || x === "note" || x === "owner")) if (fieldOf(rule, f).length > 0) add(f, fieldOf(rule, f));
  return lines.join("\n");
}

/** Rules as a policy file in YAML. */
export const rulesYaml = (rules: readonly RuleText[]): string => "version: 1\nrules:" + (rules.length > 0 ? "\n" + rules.map(one).join("\n") : " []") + "\n";
