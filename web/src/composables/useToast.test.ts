import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import ToastHost from "@/components/layout/ToastHost.vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useToast } from "./useToast";

let page: Mounted;
const toasts = () => [...document.querySelectorAll<HTMLElement>("[data-test=toast]")];

beforeEach(async () => {
  vi.useFakeTimers();
  page = await mountFor(ToastHost);
});
afterEach(() => {
  page.done();
  vi.useRealTimers();
});

describe("toasts", () => {
  it("stay 4 seconds, 10 with an undo", async () => {
    useToast().success("Saved");
    useToast().success("Ended", { undo: () => {} });
    await nextTick();
    expect(toasts().length).toBe(2);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(toasts().map((x) => x.textContent)).toEqual(["EndedUndo"]);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(toasts()).toEqual([]);
  });

  it("wait while somebody points at them or stands on them", async () => {
    useToast().success("Saved");
    await nextTick();
    await vi.advanceTimersByTimeAsync(3_000);
    toasts()[0]?.dispatchEvent(new Event("mouseenter"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(toasts().length).toBe(1);
    toasts()[0]?.dispatchEvent(new Event("mouseleave"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(toasts()).toEqual([]);
  });

  it("undo once and go", async () => {
    const undo = vi.fn();
    useToast().success("Ended", { undo });
    await nextTick();
    document.querySelector<HTMLElement>("[data-test=undo]")?.click();
    await nextTick();
    expect(undo).toHaveBeenCalledTimes(1);
    expect(toasts()).toEqual([]);
  });

  it("are three at most", async () => {
    for (const n of [1, 2, 3, 4]) useToast().success("n" + n);
    await nextTick();
    expect(toasts().map((x) => x.textContent)).toEqual(["n2", "n3", "n4"]);
  });
});
