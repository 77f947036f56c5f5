import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineComponent, h, nextTick } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { usePaletteStore } from "@/stores/palette";
import { useSession } from "@/stores/session";
import CommandPalette from "./CommandPalette.vue";

let page: Mounted;
let asked: string[];
const run = vi.fn();
const lines = () => [...document.querySelectorAll("[role=option]")].map((e) => e.getAttribute("data-test"));
const field = () => document.querySelector<HTMLInputElement>("[data-test=palette]");

async function type(text: string): Promise<void> {
  const input = field();
  if (!input) throw new Error("no field");
  input.value = text;
  input.dispatchEvent(new Event("input"));
  await nextTick();
}

beforeEach(async () => {
  asked = [];
  run.mockReset();
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    asked.push(url.pathname + url.search);
    const items = url.pathname.endsWith("/users") ? [{ id: "usr_1", username: "w.zhao", display_name: "", role: "radiologist" }] : [];
    return new Response(JSON.stringify({ items }), { headers: { "Content-Type": "application/json" } });
  });
  page = await mountFor(defineComponent(() => () => h(CommandPalette, { modelValue: usePaletteStore().open, "onUpdate:modelValue": (on: boolean) => (usePaletteStore().open = on) })));
  for (const name of ["moderate", "history", "audit", "people"]) page.router.addRoute({ name, path: "/" + name + "/:id?", component: { render: () => null } });
  usePaletteStore().register([{ id: "verify", group: "do", icon: "seal", label: () => "Verify the chain now", action: "audit.read", run }]);
});
afterEach(() => {
  vi.useRealTimers();
  page.done();
});

async function open(...actions: string[]): Promise<void> {
  useSession().actions = actions;
  usePaletteStore().open = true;
  await nextTick();
  await nextTick();
}

describe("CommandPalette", () => {
  it("offers only what the person may", async () => {
    await open("moderation.run");
    expect(lines()).toEqual(["hit-theme", "hit-language", "hit-go-moderate"]);
    await type("req_1ABC");
    expect(lines()).toEqual([]);
    expect(asked.some((a) => a.includes("/users"))).toBe(false);
  });

  it("asks for the models only where they may be seen", async () => {
    const opened = async (...actions: string[]) => {
      page.done();
      asked = [];
      page = await mountFor({ setup: () => ((useSession().actions = actions), () => h(CommandPalette, { modelValue: true })) });
      return asked.filter((a) => a.endsWith("/models"));
    };
    expect(await opened("audit.read")).toEqual([]);
    expect(await opened("audit.read", "model.view")).toEqual(["/api/v1/models"]);
  });

  it("finds deeds and pages by the words of either language, counts them, and Enter does the chosen one", async () => {
    await open("audit.read");
    await type("verify");
    expect(lines()).toEqual(["hit-verify"]);
    expect(document.querySelector(".count")?.textContent).toBe("1 hit");
    field()?.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", cancelable: true }));
    await nextTick();
    expect(run).toHaveBeenCalledTimes(1);
    expect(usePaletteStore().open).toBe(false);
  });

  it("looks people up by name, with what can be asked about them", async () => {
    vi.useFakeTimers();
    await open("user.manage", "audit.read");
    await type("zh");
    await vi.advanceTimersByTimeAsync(400);
    expect(asked.filter((a) => a.includes("/users"))).toEqual(["/api/v1/users?q=zh&limit=5"]);
    expect(lines().slice(0, 2)).toEqual(["hit-usr_1", "hit-rows-usr_1"]);
    expect(document.querySelector("[data-test=hit-usr_1]")?.textContent).toContain("Radiologist");
  });

  it("goes round with the arrows and says which line is meant", async () => {
    await open("audit.read");
    const n = lines().length;
    field()?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", cancelable: true }));
    await nextTick();
    expect(field()?.getAttribute("aria-activedescendant")).toBe("jump-" + (n - 1));
    expect(document.querySelector("[aria-selected=true]")?.id).toBe("jump-" + (n - 1));
  });
});
