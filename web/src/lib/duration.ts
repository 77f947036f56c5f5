/** Times as the settings write them (30m, 1h30m, 100ms), taken apart for a field with a unit. */
export const units = ["ms", "s", "m", "h"] as const;
export type Unit = (typeof units)[number];
const length: Record<Unit, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds, or null where the text is no time. */
export function readDuration(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join("") !== text) return null;
  return parts.reduce((sum, p) => sum + Number(p[1]) * length[p[2] as Unit], 0);
}

/** The same time in the largest unit that leaves no fraction. */
export function splitDuration(text: string): { n: string; unit: Unit } {
  const ms = readDuration(text);
  if (ms === null) return { n: text, unit: "m" };
  const unit = [...units].reverse().find((u) => ms % length[u] === 0 && (ms > 0 || u === "s")) ?? "ms";
  return { n: String(ms / length[unit]), unit };
}
