import { describe, expect, it } from "vitest";
import { ApiError } from "@/api/error";
import { usePagination, type PageOf } from "./usePagination";

type Answer = (page: PageOf<number>) => void;

function source() {
  const asked: { cursor: string | null; signal: AbortSignal; answer: Answer; fail: (e: unknown) => void }[] = [];
  const load = (cursor: string | null, signal: AbortSignal) => new Promise<PageOf<number>>((answer, fail) => asked.push({ cursor, signal, answer, fail }));
  return { asked, load };
}

describe("usePagination", () => {
  it("walks by cursor until there is none", async () => {
    const { asked, load } = source();
    const list = usePagination(load);
    const first = list.reload();
    asked[0]?.answer({ items: [3, 2], next_cursor: "c" });
    await first;
    expect(list.hasMore.value).toBe(true);
    const second = list.more();
    expect(asked[1]?.cursor).toBe("c");
    asked[1]?.answer({ items: [1], next_cursor: null });
    await second;
    expect(list.items.value).toEqual([3, 2, 1]);
    expect(list.hasMore.value).toBe(false);
    await list.more();
    expect(asked.length).toBe(2);
  });

  it("never lets an older answer overwrite a newer filter", async () => {
    const { asked, load } = source();
    const list = usePagination(load);
    const old = list.reload();
    const now = list.reload();
    expect(asked[0]?.signal.aborted).toBe(true);
    asked[1]?.answer({ items: [9], next_cursor: null });
    await now;
    asked[0]?.answer({ items: [1, 2, 3], next_cursor: "x" });
    await old;
    expect(list.items.value).toEqual([9]);
    expect(list.hasMore.value).toBe(false);
  });

  it("drops a page of older rows when the list is asked anew meanwhile", async () => {
    const { asked, load } = source();
    const list = usePagination(load);
    const first = list.reload();
    asked[0]?.answer({ items: [5], next_cursor: "c" });
    await first;
    const older = list.more();
    const again = list.reload();
    expect(list.loadingMore.value).toBe(false);
    asked[2]?.answer({ items: [6], next_cursor: null });
    await again;
    asked[1]?.answer({ items: [4], next_cursor: null });
    await older;
    expect(list.items.value).toEqual([6]);
  });

  it("keeps the old rows in view while it reloads and when that fails", async () => {
    const { asked, load } = source();
    const list = usePagination(load);
    const first = list.reload();
    asked[0]?.answer({ items: [1], next_cursor: null });
    await first;
    const again = list.reload();
    expect(list.items.value).toEqual([1]);
    expect(list.loading.value).toBe(true);
    asked[1]?.fail(new ApiError("busy", 503, "req_7", ""));
    await again;
    expect(list.items.value).toEqual([1]);
    expect(list.error.value?.requestId).toBe("req_7");
    expect(list.loading.value).toBe(false);
  });

  it("forgets on reset, whatever arrives later", async () => {
    const { asked, load } = source();
    const list = usePagination(load);
    const first = list.reload();
    list.reset();
    asked[0]?.answer({ items: [1], next_cursor: null });
    await first;
    expect(list.items.value).toEqual([]);
    expect(list.loaded.value).toBe(false);
  });
});
