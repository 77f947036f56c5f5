import type { ShownVerdict } from "@/api/types";
import { formatScore, topScore } from "./severity";

/** A text of the catalogue with its values; `level` values are themselves keys of severity names. */
export interface Sentence {
  key: string;
  values: Record<string, string>;
}

export const restLimit = 0.2;
const close = 0.1;

/** What would have to differ for another outcome: the other policy, or a lead that is small. */
export function whatWouldChange(v: Pick<ShownVerdict, "severity" | "action" | "scores" | "policy">): Sentence[] {
  if (v.action === "review") {
    if (v.scores.other > restLimit) return [{ key: "verdict.change.rest", values: { rest: String(Math.round(v.scores.other * 100)) } }];
    return [{ key: "verdict.change.unreadable", values: {} }];
  }
  const levels = [
    { name: "safe", p: v.scores.safe },
    { name: "contro", p: v.scores.controversial },
    { name: "unsafe", p: v.scores.unsafe },
  ];
  const own = topScore(v.severity, v.scores);
  const ownName = v.severity === "Safe" ? "safe" : v.severity === "Controversial" ? "contro" : "unsafe";
  const next = levels.filter((l) => l.name !== ownName).reduce((a, b) => (b.p > a.p ? b : a));
  const lead = Math.max(0, own - next.p);
  const policy = v.severity === "Controversial" ? (v.policy.mode === "strict" ? "looser" : "stricter") : ownName === "unsafe" ? "both" : "neither";
  return [
    { key: "verdict.change." + policy, values: {} },
    { key: lead < close ? "verdict.change.close" : "verdict.change.clear", values: { own: ownName, next: next.name, lead: formatScore(lead) } },
  ];
}
