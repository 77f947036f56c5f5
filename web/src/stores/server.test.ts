import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api, unwrap } from "@/api/client";
import { useServer } from "./server";

let up: boolean;
let tries: number;
let body: object;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  setActivePinia(createPinia());
  up = false;
  tries = 0;
  body = { code: "busy", queue: { position: 9, waiting: 8, capacity: 8 } };
  vi.stubGlobal("fetch", async () => {
    tries++;
    if (!up) throw new TypeError("no route");
    return new Response(JSON.stringify(body), { status: 503, headers: { "Content-Type": "application/json", "Retry-After": "7" } });
  });
});
afterEach(() => vi.useRealTimers());

const call = () => unwrap(api.GET("/api/v1/models")).catch(() => null);

describe("server", () => {
  it("notices that nothing answers, tries again at growing distance, and says when it is back", async () => {
    const server = useServer();
    await call();
    expect(server.reachable).toBe(false);
    expect(server.retryAt).toBe(1_002_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(tries).toBe(2);
    expect(server.retryAt).toBe(1_002_000 + 4_000);
    up = true;
    await vi.advanceTimersByTimeAsync(4_000);
    expect([server.reachable, server.retryAt]).toEqual([true, 0]);
    expect(server.backAt).toBe(1_006_000);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(tries).toBe(3);
  });

  it("takes any answer for an answer, and counts down what a full queue asks", async () => {
    const server = useServer();
    up = true;
    await call();
    expect(server.reachable).toBe(true);
    expect(server.busyUntil).toBe(1_007_000);
  });

  it("says nothing on every page of other places that are taken", async () => {
    const server = useServer();
    up = true;
    body = { code: "busy", detail: "2 exports are running. Wait until one has ended." };
    await call();
    expect(server.busyUntil).toBe(0);
  });
});
