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

/** The same for two days, each "" for open: from midnight of this clock to midnight. */
export const daysQuery = (from: string, to: string) => timeQuery({ range: "all", from: from && from + "T00:00", to: to && to + "T00:00" }, new Date());

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

/** A moment as a field holds it, in local time: 2026-11-21 14:00. "" for none. */
export function toField(at: string): string {
  const d = new Date(at);
  if (at === "" || Number.isNaN(d.getTime())) return "";
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

const written = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]+(\d{1,2})[:：](\d{2}))?$/;

/** What was written into such a field as the address has it; a day alone begins at midnight. "" for nothing, null for no moment. */
export function fromField(value: string): string | null {
  const text = value.trim();
  if (text === "") return "";
  const [, year, month, day, hour = "0", minute = "0"] = written.exec(text) ?? [];
  if (year === undefined) return null;
  const d = new Date(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  // 31 November would become 1 December: such a day is none.
  const real = d.getMonth() === Number(month) - 1 && d.getDate() === Number(day) && d.getHours() === Number(hour) && d.getMinutes() === Number(minute);
  return real ? d.toISOString() : null;
}
