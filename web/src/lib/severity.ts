import type { Scores, Severity, VerdictAction } from "@/api/types";

export type Meaning = "safe" | "contro" | "unsafe" | "review";

const bySeverity: Record<Severity, Meaning> = { Safe: "safe", Controversial: "contro", Unsafe: "unsafe" };

/** A verdict that a person must look at is shown as that, whatever level the model leaned to. */
export function meaning(severity: Severity, action?: VerdictAction): Meaning {
  return action === "review" ? "review" : bySeverity[severity];
}

/** The probability that belongs to the level which was given. */
export function topScore(severity: Severity, scores: Scores): number {
  return severity === "Safe" ? scores.safe : severity === "Controversial" ? scores.controversial : scores.unsafe;
}

/** Three decimals, and never a certainty that the model did not have: 1 is shown as >0.999. */
export function formatScore(p: number): string {
  if (p > 0.9995) return ">0.999";
  if (p > 0 && p < 0.0005) return "<0.001";
  return p.toFixed(3);
}

export interface Category {
  key: string;
  icon: string;
}

const categories: Record<string, Category> = {
  Violent: { key: "violent", icon: "violent" },
  "Non-violent Illegal Acts": { key: "illegal", icon: "illegal" },
  "Sexual Content or Sexual Acts": { key: "sexual", icon: "sexual" },
  PII: { key: "pii", icon: "pii" },
  "Personally Identifiable Information": { key: "pii", icon: "pii" },
  "Suicide & Self-Harm": { key: "selfharm", icon: "selfharm" },
  "Unethical Acts": { key: "unethical", icon: "unethical" },
  "Politically Sensitive Topics": { key: "political", icon: "political" },
  "Copyright Violation": { key: "copyright", icon: "copyright" },
  Jailbreak: { key: "jailbreak", icon: "jailbreak" },
};

/** null for a name that is not one of the nine: it is then shown as it came. */
export function categoryOf(name: string): Category | null {
  return Object.hasOwn(categories, name) ? (categories[name] ?? null) : null;
}
