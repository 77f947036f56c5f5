import { afterEach, describe, expect, it, vi } from "vitest";
import { nextTick, reactive, h, defineComponent } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import { ApiError } from "@/api/error";
import AskWhom from "./AskWhom.vue";
import DiffList from "./DiffList.vue";
import GhTabs from "./GhTabs.vue";
import SaveBar from "./SaveBar.vue";
import StaleNote from "./StaleNote.vue";
import TimeText from "./TimeText.vue";

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
  vi.useRealTimers();
});
const test = (name: string) => document.querySelector<HTMLElement>(`[data-test=${name}]`);

describe("small parts", () => {
  it("DiffList shows both sides of a change, one of a new or a gone thing, and none of an equal pair", async () => {
    page = await mountFor(DiffList, { changes: [{ label: "rate", before: "30", after: "60" }, { after: "model.view" }, { before: "key.own", after: null }, { before: "a", after: "a" }] });
    expect([...page.host.querySelectorAll("li")].map((li) => li.className + " " + li.querySelector(".val")?.textContent)).toEqual(["del 30", "add 60", "add model.view", "del key.own"]);
    expect(page.host.textContent).toContain("becomes");
  });

  it("TimeText shows local time, and UTC to mouse, keyboard and screen reader", async () => {
    page = await mountFor(TimeText, { at: "2026-11-21T09:00:00.000Z", form: "full" });
    const time = page.host.querySelector("time");
    expect(time?.dataset.tip).toBe("2026-11-21 09:00:00 UTC");
    expect(time?.tabIndex).toBe(0);
    expect(time?.textContent).toContain("2026-11-21 09:00:00 UTC");
  });

  it("TimeText in a table has its UTC on hover and is no tab stop", async () => {
    page = await mountFor(TimeText, { at: "2026-11-21T09:00:00.000Z", plain: true });
    expect(page.host.querySelector("time")?.title).toBe("2026-11-21 09:00:00 UTC");
    expect(page.host.querySelector("time")?.hasAttribute("tabindex")).toBe(false);
  });

  it("GhTabs are links, and the one in view says so", async () => {
    page = await mountFor(GhTabs, { label: "Parts", current: "roles", tabs: [{ name: "people", label: "People", to: "/people", count: 1234 }, { name: "roles", label: "Roles", to: "/roles" }] });
    const links = [...page.host.querySelectorAll("a")];
    expect(links.map((a) => a.getAttribute("aria-current"))).toEqual([null, "page"]);
    expect(links[0]?.textContent).toBe("People1,234");
  });

  it("AskWhom names who can give the right, in the order and words of the language", async () => {
    page = await mountFor(AskWhom, { action: "audit.read" });
    expect(page.host.textContent).toBe("It needs audit.read. An administrator can give it.");
    useSession().ask = ["m.chen", "j.hou", "a.b"];
    await nextTick();
    expect(page.host.textContent).toBe("It needs audit.read. m.chen, j.hou, or a.b can give it.");
  });

  it("StaleNote is silent while the data is fresh, counts up, and speaks at once after a failure", async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const props = reactive<{ at: number; error: ApiError | null }>({ at: 1_000_000, error: null });
    page = await mountFor(defineComponent(() => () => h(StaleNote, props)));
    expect(test("stale")).toBeNull();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(test("stale")?.textContent).toContain("25 s old");
    Object.assign(props, { at: Date.now() - 1_000, error: new ApiError("offline", 0, "", "") });
    await nextTick();
    expect(test("stale")?.textContent).toContain("could not be refreshed");
  });
});

describe("SaveBar", () => {
  it("is there only with changes, and leaving is asked about: staying keeps them, leaving drops them", async () => {
    const state = reactive({ count: 0 });
    const discard = vi.fn(() => (state.count = 0));
    page = await mountFor(defineComponent(() => () => h(SaveBar, { count: state.count, onDiscard: discard })));
    const { router } = page;
    expect(test("save-bar")).toBeNull();
    await router.push("/elsewhere");
    expect(router.currentRoute.value.path).toBe("/elsewhere");
    state.count = 2;
    await nextTick();
    expect(test("save-bar")?.textContent).toContain("2 changes, not saved");
    const first = router.push("/third");
    await vi.waitFor(() => expect(test("confirm")).not.toBeNull());
    test("cancel")?.click();
    await first;
    expect(router.currentRoute.value.path).toBe("/elsewhere");
    const second = router.push("/third");
    await vi.waitFor(() => expect(test("confirm")).not.toBeNull());
    document.querySelector("dialog form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    await second;
    expect(router.currentRoute.value.path).toBe("/third");
    expect(discard).toHaveBeenCalledTimes(1);
  });

  it("lets filters of the same page change without asking", async () => {
    page = await mountFor(SaveBar, { count: 1 });
    await page.router.push("/here?x=1");
    expect(page.router.currentRoute.value.query.x).toBe("1");
  });
});
