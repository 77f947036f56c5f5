import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineComponent, h } from "vue";
import type { Model } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useLive } from "@/stores/live";
import type { Handlers } from "@/lib/liveEvents";
import { useExamples } from "./useExamples";
import { useModels } from "./useModels";

const model = (over: Partial<Model>): Partial<Model> => ({ id: "guard-nano", state: "ready", progress: null, stage: null, ...over });
const json = (body: unknown, status = 200, headers: Record<string, string> = {}) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
let mounted: Mounted | null = null;
let answers: (path: string) => Response;
const asked: string[] = [];

beforeEach(() => {
  asked.length = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation((request) => {
    const { pathname, search } = new URL((request as Request).url);
    asked.push(pathname + search);
    return Promise.resolve(answers(pathname + search));
  });
});
afterEach(() => {
  mounted?.done();
  mounted = null;
  vi.useRealTimers();
});

/** Mounts what uses it, and answers what it gave and how the server tells it things. */
async function using<T>(make: () => T): Promise<{ it: T; tell: Handlers }> {
  let made: T | undefined;
  const tell: Handlers = {};
  mounted = await mountFor(defineComponent({
    setup() {
      vi.spyOn(useLive(), "on").mockImplementation((handlers) => (Object.assign(tell, handlers), () => {}));
      made = make();
      return () => h("p");
    },
  }));
  if (made === undefined) throw new Error("nothing made");
  return { it: made, tell };
}

describe("useModels", () => {
  it("shows how far loading is without asking, and asks when the state is another", async () => {
    answers = () => json({ items: [model({ state: "loading", progress: 0.1, stage: "reading" })], next_cursor: null });
    const { it: models, tell } = await using(useModels);
    await vi.waitFor(() => expect(models.list.data.value?.[0]?.progress).toBe(0.1));
    tell.models?.({ id: "guard-nano", state: "loading", stage: "reading", progress: 0.5 });
    expect(models.list.data.value?.[0]?.progress).toBe(0.5);
    expect(asked).toHaveLength(1);
    answers = () => json({ items: [model({})], next_cursor: null });
    tell.models?.({ id: "guard-nano", state: "ready" });
    await vi.waitFor(() => expect(models.list.data.value?.[0]?.state).toBe("ready"));
    expect(asked).toHaveLength(2);
    tell.models?.({ id: "guard-nano", state: "gone" });
    expect(models.list.data.value).toEqual([]);
  });

  it("reads the list again when something is new that no event tells, and not for hearing of it first", async () => {
    answers = () => json({ items: [model({ canary: null })], next_cursor: null });
    const { it: models, tell } = await using(useModels);
    await vi.waitFor(() => expect(models.list.data.value).not.toBeNull());
    tell.models?.({ id: "guard-nano", state: "ready", revision: 3 });
    tell.models?.({ id: "guard-nano", state: "ready", revision: 3 });
    expect(asked).toHaveLength(1);
    answers = () => json({ items: [model({ needs: 7 })], next_cursor: null });
    tell.models?.({ id: "guard-nano", state: "ready", revision: 4 });
    await vi.waitFor(() => expect(models.list.data.value?.[0]?.needs).toBe(7));
  });
});

describe("useExamples", () => {
  it("asks again by itself while the guard is loading", async () => {
    vi.useFakeTimers();
    answers = () => json({ code: "loading", request_id: "req_1" }, 503, { "Retry-After": "2" });
    const { it: set } = await using(useExamples);
    await vi.waitFor(() => expect(set.error.value?.code).toBe("loading"));
    answers = () => json({ language: "en", items: [] });
    await vi.advanceTimersByTimeAsync(1900);
    expect(asked).toEqual(["/api/v1/examples?language=en"]);
    await vi.advanceTimersByTimeAsync(200);
    await vi.waitFor(() => expect(set.data.value?.language).toBe("en"));
    expect(set.error.value).toBeNull();
  });
});
