import type { AuditEvent, EventEnd, EventModel, EventPolicy, EventRef, EventReset, HistoryRow } from "@/api/types";

/** What a stream brings, by type. `fresh` is the console's own: a stream began without a place to go on from. */
export interface LiveData {
  verdict: HistoryRow;
  audit: AuditEvent;
  user: EventRef;
  key: EventRef;
  request: EventRef;
  review: EventRef;
  policy: EventPolicy;
  models: EventModel;
  session: EventEnd;
  reset: EventReset;
  fresh: null;
}
export type LiveType = keyof LiveData;
export type LiveEvent = { [K in LiveType]: { type: K; data: LiveData[K]; id: string } }[LiveType];
export type Handlers = { [K in LiveType]?: (data: LiveData[K]) => void };

/** What the server sends. */
export const wireTypes = ["verdict", "audit", "user", "key", "request", "review", "policy", "models", "session", "reset"] as const satisfies readonly LiveType[];

/** Hands an event to the one of the handlers that is for it. */
export function dispatch(event: LiveEvent, to: Handlers): void {
  const give = <K extends LiveType>(type: K, data: LiveData[K]) => to[type]?.(data);
  give(event.type, event.data);
}
