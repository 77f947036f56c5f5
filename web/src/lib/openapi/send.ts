/** What came back, as it is shown: never as a page, always as text or as a file to save. */
export interface Reply {
  status: number;
  words: string;
  ms: number;
  bytes: number;
  type: string;
  headers: [string, string][];
  text: string;
  /** Readable as text here; else it is only offered as a file. */
  readable: boolean;
  /** More came than is kept. */
  cut: boolean;
  done: boolean;
  stopped: boolean;
}
export interface ToSend {
  method: string;
  target: string;
  headers: [string, string][];
  body?: string;
}

const mostKept = 4 << 20;

/** Bytes of an answer, at most so many as are kept. */
export class Kept {
  private readonly parts: Uint8Array<ArrayBuffer>[] = [];
  size = 0;
  cut = false;

  add(part: Uint8Array): void {
    const room = mostKept - this.size;
    this.cut ||= part.length > room;
    if (room <= 0) return;
    const copy = new Uint8Array(part.subarray(0, room));
    this.parts.push(copy);
    this.size += copy.length;
  }

  blob(): Blob {
    return new Blob(this.parts, { type: "application/octet-stream" });
  }
}

export const isReadable = (type: string): boolean => /^(text\/|application\/(problem\+)?json|application\/(xml|yaml|x-ndjson|jsonl))/.test(type) || type === "";

/** JSON is set out in lines; what is no JSON stays as it came. */
export function pretty(text: string, type: string): string {
  if (!/json/.test(type)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/**
 * Sends a request of this page's own origin with the session, and tells of the answer as it comes. It throws what fetch throws;
 * an answer with an error is an answer.
 */
export async function send(r: ToSend, signal: AbortSignal, tell: (reply: Reply) => void): Promise<Kept> {
  const url = new URL(r.target, location.origin);
  if (url.origin !== location.origin) throw new TypeError("another origin");
  const headers = new Headers(r.headers);
  if (r.body !== undefined) headers.set("Content-Type", "application/json");
  const from = performance.now();
  const response = await fetch(url, { method: r.method, headers, body: r.body, signal, credentials: "same-origin", cache: "no-store", redirect: "manual" });
  const type = response.headers.get("Content-Type") ?? "";
  const kept = new Kept();
  const decoder = new TextDecoder();
  const reply: Reply = { status: response.status, words: response.statusText, ms: performance.now() - from, bytes: 0, type, headers: [...response.headers].sort(), text: "", readable: isReadable(type), cut: false, done: false, stopped: false };
  tell({ ...reply });
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) break;
      kept.add(part.value);
      reply.bytes += part.value.length;
      if (reply.readable && !kept.cut) reply.text += decoder.decode(part.value, { stream: true });
      tell({ ...reply, cut: kept.cut });
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    reply.stopped = true;
  }
  tell({ ...reply, cut: kept.cut, ms: performance.now() - from, text: pretty(reply.text, type), done: true });
  return kept;
}
