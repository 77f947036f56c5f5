/** Days and times of a rule's hours, as the form holds them. Days are 0 for Monday to 6 for Sunday. */
export interface HourSpan {
  days: number[];
  times: { from: string; to: string }[];
}
export interface Hours {
  spans: HourSpan[];
  zone: string;
}

export const dayNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
const clock = /^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/;

/** Runs of neighbouring days, Mon-Fri being one; Sunday and Monday are no neighbours here. */
export function dayRuns(days: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const d of [...new Set(days)].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last[1] === d - 1) last[1] = d;
    else runs.push([d, d]);
  }
  return runs;
}

function readDays(text: string): number[] | null {
  const days: number[] = [];
  for (const part of text.split(",")) {
    const [a, b, more] = part.split("-").map((w) => dayNames.findIndex((n) => n === w));
    if (a === undefined || a < 0 || more !== undefined || (b !== undefined && (b < 0 || b === a))) return null;
    for (let d = a; ; d = (d + 1) % 7) {
      days.push(d);
      if (d === (b ?? a)) break;
    }
  }
  return [...new Set(days)].sort((x, y) => x - y);
}

function readTimes(text: string): HourSpan["times"] | null {
  const times = text.split(",").map((part) => /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(part));
  return times.every((m) => m !== null) ? times.map((m) => ({ from: m[1] ?? "", to: m[2] ?? "" })) : null;
}

/** Reads "Mon-Fri 08:00-18:00; Sat 09:00-12:00 Asia/Shanghai"; null for what is no such text. */
export function parseHours(text: string): Hours | null {
  const groups = text.split(";").map((g) => g.split(" ").filter(Boolean));
  const zone = groups.at(-1)?.pop() ?? "";
  const spans: HourSpan[] = [];
  for (const words of groups) {
    const days = readDays(words[0] ?? "");
    const times = readTimes(words[1] ?? "");
    if (words.length !== 2 || !days || !times) return null;
    spans.push({ days, times });
  }
  const hours = { spans, zone };
  return hoursProblem(hours) === "" ? hours : null;
}

/** The spelling of the contract. */
export function formatHours(hours: Hours): string {
  const days = (of: readonly number[]) => dayRuns(of).map(([a, b]) => (a === b ? dayNames[a] : `${dayNames[a]}-${dayNames[b]}`)).join(",");
  return hours.spans.map((s) => `${days(s.days)} ${s.times.map((t) => `${t.from}-${t.to}`).join(",")}`).join("; ") + " " + hours.zone;
}

/** What keeps hours from being stored: the key of a text, "" for nothing. The server decides on the zone. */
export function hoursProblem(hours: Hours): "" | "days" | "times" | "zone" {
  if (hours.spans.length === 0 || hours.spans.some((s) => s.days.length === 0 || s.times.length === 0)) return "days";
  if (hours.spans.some((s) => s.times.some((t) => !clock.test(t.from) || !clock.test(t.to) || t.from === t.to || t.from === "24:00"))) return "times";
  return /^(?:UTC|[A-Z][\w+-]*(?:\/[A-Z][\w+-]*)+)$/.test(hours.zone) ? "" : "zone";
}
