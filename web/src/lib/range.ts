export const ranges = ["today", "1h", "24h", "7d", "30d", "all"] as const;
export type Range = (typeof ranges)[number];

const hour = 3_600_000;
const spans: Record<string, number> = { "1h": hour, "24h": 24 * hour, "7d": 7 * 24 * hour, "30d": 30 * 24 * hour };

/** The first moment of a range, null for all. Today begins at local midnight. */
export function rangeStart(range: string, now: Date): Date | null {
  if (range === "today") return new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const span = spans[range];
  return span === undefined ? null : new Date(now.getTime() - span);
}

export interface Bin {
  total: number;
  refused: number;
}

/** Counts moments into equal bins between two moments; what lies outside is left out. */
export function bins(rows: { at: string; refused: boolean }[], from: number, to: number, count: number): Bin[] {
  const out = Array.from({ length: count }, () => ({ total: 0, refused: 0 }));
  const width = (to - from) / count;
  if (!(width > 0)) return out;
  for (const row of rows) {
    const bin = out[Math.floor((Date.parse(row.at) - from) / width)];
    if (!bin) continue;
    bin.total++;
    if (row.refused) bin.refused++;
  }
  return out;
}
