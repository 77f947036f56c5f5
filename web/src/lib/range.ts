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

/** Filters of time as the address has them: a named range, or own bounds. */
export interface TimeFilters {
  range: string;
  from: string;
  to: string;
}

/** What a list is asked for. An own bound that is no moment is left out. */
export function timeQuery(f: TimeFilters, now: Date): { from?: string; to?: string } {
  if (f.from === "" && f.to === "") return { from: rangeStart(f.range, now)?.toISOString() };
  return { from: moment(f.from), to: moment(f.to) };
}

const moment = (text: string): string | undefined => (text !== "" && !Number.isNaN(Date.parse(text)) ? new Date(text).toISOString() : undefined);

const bars: Record<string, number> = { today: 48, "1h": 60, "24h": 48, "7d": 56, "30d": 60, all: 56 };

/** What a strip over the same time asks for: all of today, also what is to come, and bars that fall on the hour. */
export function stripQuery(f: TimeFilters, now: Date): { from?: string; to?: string; buckets: number } {
  const query = timeQuery(f, now);
  if (f.from !== "" || f.to !== "") return { ...query, buckets: 48 };
  if (f.range !== "today" || !query.from) return { ...query, buckets: bars[f.range] ?? 48 };
  const start = new Date(query.from);
  return { from: query.from, to: new Date(start.getFullYear(), start.getMonth(), start.getDate() + 1).toISOString(), buckets: 48 };
}

const two = (n: number) => String(n).padStart(2, "0");

/** A moment as a field of type datetime-local holds it, "" for none. */
export function toField(at: string): string {
  const d = new Date(at);
  if (at === "" || Number.isNaN(d.getTime())) return "";
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** What such a field holds as the address has it, "" for none. */
export function fromField(value: string): string {
  const d = new Date(value);
  return value === "" || Number.isNaN(d.getTime()) ? "" : d.toISOString();
}
