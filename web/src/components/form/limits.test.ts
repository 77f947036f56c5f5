import { afterEach, describe, expect, it, vi } from "vitest";
import { defineComponent, h, nextTick, ref } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import RangesField from "./RangesField.vue";
import RateField from "./RateField.vue";

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
});
const field = () => page?.host.querySelector<HTMLInputElement>("[data-test=f]") as HTMLInputElement;

async function type(text: string, key?: string): Promise<void> {
  field().value = text;
  field().dispatchEvent(new Event("input"));
  await nextTick();
  if (key) field().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  await nextTick();
}

describe("RangesField", () => {
  async function show(start: string[] = []) {
    const ranges = ref(start);
    page = await mountFor(defineComponent(() => () => h(RangesField, { label: "From", test: "f", modelValue: ranges.value, "onUpdate:modelValue": (v: string[]) => (ranges.value = v) })));
    return ranges;
  }

  it("takes what is typed on Enter, several at once, each only once", async () => {
    const ranges = await show(["10.0.0.0/8"]);
    await type("FD00::/8, 10.0.0.0/8 192.168.1.7", "Enter");
    expect(ranges.value).toEqual(["10.0.0.0/8", "fd00::/8", "192.168.1.7"]);
    expect(field().value).toBe("");
    expect(page?.host.textContent).toContain("16,777,216");
  });

  it("keeps what is no range in the field and says so there", async () => {
    const ranges = await show();
    await type("10.1.2.3/8 10.1.0.0/16", "Enter");
    expect(ranges.value).toEqual(["10.1.0.0/16"]);
    expect(field().value).toBe("10.1.2.3/8");
    expect(field().getAttribute("aria-invalid")).toBe("true");
    expect(page?.host.querySelector("#" + CSS.escape(field().getAttribute("aria-describedby") ?? ""))?.textContent).toContain("10.1.2.3/8");
  });

  it("takes what is typed when the field is left, after the press that left it", async () => {
    const ranges = await show();
    await type("10.1.0.0/16");
    document.dispatchEvent(new Event("pointerdown"));
    field().dispatchEvent(new FocusEvent("blur"));
    await nextTick();
    expect(ranges.value).toEqual([]);
    document.dispatchEvent(new Event("pointerup"));
    await vi.waitFor(() => expect(ranges.value).toEqual(["10.1.0.0/16"]));
    await type("10.2.0.0/16");
    field().dispatchEvent(new FocusEvent("blur"));
    expect(ranges.value).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
  });

  it("gives the last one back to nobody on Backspace, and any of them by its button", async () => {
    const ranges = await show(["10.0.0.0/8", "fd00::/8", "10.9.0.1"]);
    await type("", "Backspace");
    expect(ranges.value).toEqual(["10.0.0.0/8", "fd00::/8"]);
    page?.host.querySelector<HTMLButtonElement>(".chip button")?.click();
    await nextTick();
    expect(ranges.value).toEqual(["fd00::/8"]);
  });
});

describe("RateField", () => {
  async function show(start: string | null) {
    const rate = ref(start);
    page = await mountFor(defineComponent(() => () => h(RateField, { label: "At most", test: "f", modelValue: rate.value, "onUpdate:modelValue": (v: string | null) => (rate.value = v) })));
    return rate;
  }
  const unit = () => page?.host.querySelector<HTMLSelectElement>("[data-test=f-unit]") as HTMLSelectElement;

  it("shows a rate in either spelling as a number and a unit, and leaves its spelling until it is changed", async () => {
    const rate = await show("10次/分钟");
    expect([field().value, unit().value]).toEqual(["10", "min"]);
    await nextTick();
    expect(rate.value).toBe("10次/分钟");
    await type("12");
    expect(rate.value).toBe("12/min");
    unit().value = "h";
    unit().dispatchEvent(new Event("change"));
    await nextTick();
    expect(rate.value).toBe("12/h");
  });

  it("is no rate for what is no number, and none for an empty field", async () => {
    const rate = await show("5/s");
    await type("many");
    expect(rate.value).toBeNull();
    expect(field().getAttribute("aria-invalid")).toBe("true");
    await type("");
    expect(rate.value).toBe("");
  });
});
