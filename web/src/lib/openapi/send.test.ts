import { afterEach, describe, expect, it, vi } from "vitest";
import { isReadable, Kept, pretty, send, type Reply } from "./send";

const bytes = (text: string) => new TextEncoder().encode(text);
afterEach(() => vi.unstubAllGlobals());

function answer(parts: string[], init: ResponseInit, hold = false): void {
  vi.stubGlobal("fetch", (_url: URL, options: RequestInit) => {
    const body = new ReadableStream({
      start(c) {
        parts.forEach((p) => c.enqueue(bytes(p)));
        if (!hold) c.close();
        options.signal?.addEventListener("abort", () => c.error(new DOMException("", "AbortError")));
      },
    });
    return Promise.resolve(new Response(body, init));
  });
}
const request = { method: "GET", target: "/api/v1/x", headers: [] as [string, string][] };

describe("send", () => {
  it("tells status, headers and a body set out in lines", async () => {
    answer(['{"a":', "1}"], { status: 404, headers: { "Content-Type": "application/problem+json", "X-Request-Id": "req_1" } });
    const seen: Reply[] = [];
    const kept = await send(request, new AbortController().signal, (r) => seen.push(r));
    expect(seen[0]).toMatchObject({ status: 404, done: false, text: "" });
    expect(seen.at(-1)).toMatchObject({ status: 404, done: true, stopped: false, bytes: 7, text: '{\n  "a": 1\n}', readable: true });
    expect(seen.at(-1)?.headers.map(([name, value]) => name.toLowerCase() + value)).toContain("x-request-idreq_1");
    expect(kept.size).toBe(7);
  });

  it("keeps what came of a stream that is stopped", async () => {
    answer(["data: 1\n\n"], { headers: { "Content-Type": "text/event-stream" } }, true);
    const stop = new AbortController();
    const seen: Reply[] = [];
    await send(request, stop.signal, (r) => {
      seen.push(r);
      if (r.bytes > 0 && !r.done) stop.abort();
    });
    expect(seen.at(-1)).toMatchObject({ done: true, stopped: true, text: "data: 1\n\n" });
  });

  it("goes to no other origin", async () => {
    const called = vi.fn();
    vi.stubGlobal("fetch", called);
    await expect(send({ ...request, target: "//evil.example/x" }, new AbortController().signal, () => {})).rejects.toThrow(TypeError);
    expect(called).not.toHaveBeenCalled();
  });
});

describe("an answer", () => {
  it("is text or a file", () => {
    expect(["text/html", "application/json", "application/problem+json; charset=utf-8", "application/octet-stream", "image/png"].map(isReadable)).toEqual([true, true, true, false, false]);
    expect(pretty("<b>", "text/html")).toBe("<b>");
    expect(pretty("no json", "application/json")).toBe("no json");
  });
  it("is kept up to a limit", () => {
    const kept = new Kept();
    for (let i = 0; i < 5; i++) kept.add(new Uint8Array(1 << 20));
    expect([kept.size, kept.cut, kept.blob().size]).toEqual([4 << 20, true, 4 << 20]);
  });
});
