import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineComponent, h, nextTick, reactive, ref } from "vue";
import { ApiError } from "@/api/error";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import ConfirmDialog from "./ConfirmDialog.vue";
import GhDialog from "./GhDialog.vue";

let page: Mounted | null = null;
const find = <T extends HTMLElement>(selector: string) => document.querySelector<T>(selector);
const test = <T extends HTMLElement>(name: string) => find<T>(`[data-test=${name}]`);

async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await nextTick();
}

function write(field: HTMLInputElement | null, text: string): Promise<void> {
  if (!field) throw new Error("no such field");
  field.value = text;
  field.dispatchEvent(new Event("input"));
  return settle();
}

afterEach(() => {
  page?.done();
  page = null;
});

describe("GhDialog", () => {
  async function show(locked: boolean) {
    const open = ref(true);
    const escaped = vi.fn();
    const host = defineComponent(() => () => h(GhDialog, { title: "T", locked, modelValue: open.value, "onUpdate:modelValue": (on: boolean) => (open.value = on), onEscape: escaped }, () => h("button", { type: "button", class: "inner" }, "x")));
    page = await mountFor(host);
    await settle();
    return { open, escaped };
  }

  it("opens over the page, focuses what is inside, and Escape closes it", async () => {
    const { open } = await show(false);
    expect(find<HTMLDialogElement>("dialog")?.open).toBe(true);
    expect(document.activeElement?.className).toBe("inner");
    find("dialog")?.dispatchEvent(new Event("cancel", { cancelable: true }));
    await settle();
    expect(open.value).toBe(false);
    expect(find("dialog")).toBeNull();
  });

  it("closes only from inside when it is locked, and says that somebody tried", async () => {
    const { open, escaped } = await show(true);
    find("dialog")?.dispatchEvent(new Event("cancel", { cancelable: true }));
    find("dialog")?.dispatchEvent(new MouseEvent("mousedown"));
    await settle();
    expect(open.value).toBe(true);
    expect(escaped).toHaveBeenCalledTimes(1);
  });
});

describe("ConfirmDialog", () => {
  const confirmed = vi.fn();
  const state = reactive<{ open: boolean; error: ApiError | null }>({ open: false, error: null });
  let answer: [number, unknown];

  beforeEach(() => {
    confirmed.mockReset();
    Object.assign(state, { open: false, error: null });
    answer = [200, { confirmed_until: new Date(Date.now() + 300_000).toISOString() }];
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify(answer[1]), { status: answer[0], headers: { "Content-Type": "application/json" } }));
  });

  async function show(props: Record<string, unknown>): Promise<void> {
    const host = defineComponent(() => () =>
      h(ConfirmDialog, { title: "Delete triage?", verb: "Delete", tier: 2, ...props, error: state.error, modelValue: state.open, "onUpdate:modelValue": (on: boolean) => (state.open = on), onConfirm: confirmed }, () => "2 people have it."),
    );
    page = await mountFor(host);
    state.open = true;
    await settle();
  }

  it("closes where it is done and not in force yet, and stays where it is not done", async () => {
    await show({});
    state.error = new ApiError("busy", 503, "", "");
    await settle();
    expect(state.open).toBe(true);
    state.error = new ApiError("not_in_force", 503, "", "");
    await settle();
    expect(state.open).toBe(false);
  });

  it("tier 2: the verb has the focus, one press does it", async () => {
    await show({ tier: 2 });
    expect(document.activeElement).toBe(test("confirm"));
    find("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(confirmed).toHaveBeenCalledTimes(1);
    expect(find("dialog")?.textContent).toContain("2 people have it.");
  });

  it("tier 3: cancelling has the focus, and nothing happens before the name stands there", async () => {
    await show({ tier: 3, name: "triage" });
    expect(document.activeElement).toBe(test("cancel"));
    await write(test("confirm-name"), "triag");
    expect(test<HTMLButtonElement>("confirm")?.disabled).toBe(true);
    find("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(confirmed).not.toHaveBeenCalled();
    await write(test("confirm-name"), "triage ");
    find("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(confirmed).toHaveBeenCalledTimes(1);
  });

  it("tier 4: asks for the password, says when it is wrong, and does not ask again within its time", async () => {
    await show({ tier: 4 });
    answer = [403, { code: "forbidden" }];
    await write(test("confirm-password"), "wrong");
    find("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    await vi.waitFor(() => expect(find("dialog")?.textContent).toContain("The password is not correct."));
    expect(confirmed).not.toHaveBeenCalled();
    answer = [200, { confirmed_until: new Date(Date.now() + 300_000).toISOString() }];
    await write(test("confirm-password"), "right");
    find("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    await vi.waitFor(() => expect(confirmed).toHaveBeenCalledTimes(1));
    expect(useSession().confirmedUntil).toBeGreaterThan(Date.now());
    state.open = false;
    await settle();
    state.open = true;
    await settle();
    expect(test("confirm-password")).toBeNull();
  });

  it("asks after all when the server wants the password", async () => {
    await show({ tier: 2 });
    expect(test("confirm-password")).toBeNull();
    state.error = new ApiError("confirmation_required", 403, "req_1", "");
    await settle();
    expect(test("confirm-password")).not.toBeNull();
    expect(test("error")).toBeNull();
  });

  it("shows a refusal and what was not done", async () => {
    await show({ tier: 2, notDone: "Nothing was deleted." });
    state.error = new ApiError("conflict", 409, "req_1", "The last admin stays.");
    await settle();
    expect(test("error")?.textContent).toContain("Nothing was deleted.");
    expect(test("error")?.textContent).toContain("req_1");
  });
});
