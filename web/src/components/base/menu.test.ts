import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { h, nextTick } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import GhMenu from "./GhMenu.vue";

let page: Mounted;
const chosen = vi.fn();
const button = () => page.host.querySelector<HTMLButtonElement>("[data-test=m]");
const press = (key: string) => document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

beforeEach(async () => {
  chosen.mockReset();
  const item = (text: string) => h("button", { type: "button", role: "menuitem", tabindex: -1, onClick: () => chosen(text) }, text);
  page = await mountFor(GhMenu, { label: "Menu", test: "m" }, { slots: { button: () => "open", default: () => ["Alpha", "Beta", "Gamma"].map(item) } });
});
afterEach(() => page.done());

describe("GhMenu", () => {
  it("opens onto its first item, moves with arrows and letters, and Escape gives the focus back", async () => {
    button()?.click();
    await nextTick();
    expect(document.activeElement?.textContent).toBe("Alpha");
    press("ArrowUp");
    expect(document.activeElement?.textContent).toBe("Gamma");
    press("b");
    expect(document.activeElement?.textContent).toBe("Beta");
    press("Escape");
    await nextTick();
    expect(page.host.querySelector("[role=menu]")).toBeNull();
    expect(document.activeElement).toBe(button());
  });

  it("closes after a choice and on a press elsewhere", async () => {
    button()?.click();
    await nextTick();
    // Vue ignores a bubbling click of the very millisecond in which its listener was attached.
    const opened = Date.now();
    await vi.waitUntil(() => Date.now() > opened);
    page.host.querySelectorAll<HTMLElement>("[role=menuitem]")[1]?.click();
    await nextTick();
    expect(chosen).toHaveBeenCalledWith("Beta");
    expect(page.host.querySelector("[role=menu]")).toBeNull();
    button()?.click();
    await nextTick();
    document.body.dispatchEvent(new Event("pointerdown", { bubbles: true }));
    await nextTick();
    expect(page.host.querySelector("[role=menu]")).toBeNull();
  });
});
