import { wireTypes, type LiveEvent } from "./liveEvents";

const path = "/api/v1/events";
const firstWaitMs = 3_000;
const longestWaitMs = 60_000;
/** After so many refusals in a row nobody is asked any more until the page is looked at again. */
const patience = 8;

export interface StreamOptions {
  after: string;
  take: (event: LiveEvent) => void;
  /** The server refused the stream for good, or is not there: find out which. Called at the first refusal of a row. */
  refused: () => void;
}

/** How long to wait before the n-th try, between half and all of it: browsers that lost one server must not come back as one. */
export function backoff(n: number, random: number): number {
  return Math.min(longestWaitMs, firstWaitMs * 2 ** (n - 1)) * (0.5 + random / 2);
}

/**
 * One stream from the server. A broken connection the browser mends by itself; an answer that is no stream ends it for the
 * browser, so it is asked for again here, after the last id that was seen. Answers what closes it.
 */
export function openStream(o: StreamOptions): () => void {
  let after = o.after;
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  function connect(): void {
    clearTimeout(timer);
    source?.close();
    const mine = (source = new EventSource(after ? `${path}?after=${encodeURIComponent(after)}` : path));
    for (const type of wireTypes) mine.addEventListener(type, (message) => mine === source && take(type, message));
    mine.addEventListener("error", () => mine === source && mine.readyState === EventSource.CLOSED && fail());
  }

  function take(type: (typeof wireTypes)[number], message: MessageEvent<string>): void {
    failures = 0;
    if (message.lastEventId) after = message.lastEventId;
    const event: LiveEvent = { type, data: JSON.parse(message.data), id: after };
    o.take(event);
  }

  function fail(): void {
    source?.close();
    source = null;
    failures++;
    if (failures === 1) o.refused();
    if (failures < patience) timer = setTimeout(connect, backoff(failures, Math.random()));
  }

  /** The network is back, or somebody looks: no reason to wait any longer. */
  function again(): void {
    if (source !== null || document.visibilityState !== "visible") return;
    failures = 0;
    connect();
  }

  window.addEventListener("online", again);
  document.addEventListener("visibilitychange", again);
  connect();
  return () => {
    window.removeEventListener("online", again);
    document.removeEventListener("visibilitychange", again);
    clearTimeout(timer);
    source?.close();
    source = null;
  };
}
