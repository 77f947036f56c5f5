import type { AuditEvent } from "@/api/types";

/** Half an hour without an act ends a stretch: it is the shipped idle time of a session. */
export const pauseMs = 30 * 60_000;

/** Acts without a longer pause between, from one place. Events are oldest first. */
export interface Stretch {
  from: number;
  to: number;
  ip: string;
  agent: string;
  events: AuditEvent[];
  refused: number;
  /** How long nothing happened before it on the same day, 0 for the first. */
  quietMs: number;
}

/** A day in local time. `quietDays` lie between it and the older day that follows in the list. */
export interface Day {
  at: string;
  key: string;
  stretches: Stretch[];
  count: number;
  refused: number;
  quietDays: number;
}

const dayKey = (at: number): string => new Date(at).toDateString();
const midnight = (at: number): number => new Date(new Date(at).getFullYear(), new Date(at).getMonth(), new Date(at).getDate()).getTime();

function begins(event: AuditEvent, last: Stretch | undefined): boolean {
  if (!last) return true;
  const at = Date.parse(event.at);
  if (dayKey(at) !== dayKey(last.to) || at - last.to > pauseMs) return true;
  const place = (ip: string, agent: string) => ip + " " + agent;
  return event.action === "auth.login" || place(event.ip, event.user_agent) !== place(last.ip, last.agent);
}

function stretchesOf(events: AuditEvent[]): Stretch[] {
  const out: Stretch[] = [];
  for (const event of events) {
    const at = Date.parse(event.at);
    let last = out.at(-1);
    if (!last || begins(event, last)) {
      const quietMs = last && dayKey(last.to) === dayKey(at) ? at - last.to : 0;
      out.push((last = { from: at, to: at, ip: event.ip, agent: event.user_agent, events: [], refused: 0, quietMs }));
    }
    last.events.push(event);
    last.to = Math.max(last.to, at);
    if (event.decision === "deny") last.refused++;
  }
  return out;
}

/** One actor's days, newest first, from rows in any order. */
export function daysOf(events: readonly AuditEvent[]): Day[] {
  const days = new Map<string, Day>();
  for (const stretch of stretchesOf([...events].sort((a, b) => a.seq - b.seq))) {
    const key = dayKey(stretch.from);
    const day = days.get(key) ?? { at: new Date(midnight(stretch.from)).toISOString(), key, stretches: [], count: 0, refused: 0, quietDays: 0 };
    day.stretches.push(stretch);
    day.count += stretch.events.length;
    day.refused += stretch.refused;
    days.set(key, day);
  }
  const list = [...days.values()].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  list.forEach((day, i) => {
    const older = list[i + 1];
    if (older) day.quietDays = Math.max(0, Math.round((Date.parse(day.at) - Date.parse(older.at)) / 86_400_000) - 1);
  });
  return list;
}

/** How often which action, most frequent first. */
export function actionsOf(stretch: Stretch): { action: string; n: number }[] {
  const counts = new Map<string, number>();
  for (const e of stretch.events) counts.set(e.action, (counts.get(e.action) ?? 0) + 1);
  return [...counts].map(([action, n]) => ({ action, n })).sort((a, b) => b.n - a.n);
}
