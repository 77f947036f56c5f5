import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nextTick } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { usePrefs } from "@/stores/prefs";
import { useSession } from "@/stores/session";
import KeyEditor from "./KeyEditor.vue";

let page: Mounted;
const row = (label: string) => page.host.querySelector<HTMLElement>(`[data-test="key-${label}"]`);

beforeEach(async () => {
  localStorage.clear();
  page = await mountFor(KeyEditor);
  useSession().actions = ["audit.read"];
  await nextTick();
});
afterEach(() => page.done());

async function put(label: string, ...keys: string[]): Promise<void> {
  const buttons = row(label)?.querySelectorAll("button");
  buttons?.[buttons.length - 1]?.click();
  await nextTick();
  for (const key of keys) page.host.querySelector("[data-test=key-catch]")?.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true }));
  await nextTick();
}

describe("KeyEditor", () => {
  it("lists the ways to the pages that the person has, and puts keys elsewhere", async () => {
    expect(row("page.audit")).not.toBeNull();
    expect(row("page.moderate")).toBeNull();
    await put("page.audit", "x", "y");
    expect(usePrefs().keyOf("page.audit", "g a")).toBe("x y");
    expect(row("page.audit")?.querySelector(".caps")?.textContent).toBe("XY");
    expect(JSON.parse(localStorage.getItem("gh.keymap") ?? "")).toEqual({ "page.audit": "x y" });
    page.host.querySelector<HTMLElement>("[data-test=keys-back]")?.click();
    await nextTick();
    expect(usePrefs().keyOf("page.audit", "g a")).toBe("g a");
  });

  it("says whose keys they are when they are taken, and leaves them", async () => {
    await put("keys.next", "?", "x");
    expect(page.host.querySelector("[data-test=keys-problem]")?.textContent).toContain("Show this list");
    expect(usePrefs().keymap).toEqual({});
  });

  it("gives up on Escape and refuses keys with Ctrl", async () => {
    await put("keys.next", "Escape");
    expect(page.host.querySelector("[data-test=keys-problem]")).toBeNull();
    await put("keys.next", "F5");
    expect(page.host.querySelector("[data-test=keys-problem]")?.textContent).toContain("no Ctrl");
    expect(usePrefs().keymap).toEqual({});
  });
});
