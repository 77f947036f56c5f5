import { afterEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { download } from "@/lib/download";
import RuleYaml from "./RuleYaml.vue";

vi.mock("@/lib/download", () => ({ download: vi.fn() }));

let page: Mounted | null = null;
afterEach(() => page?.done());

describe("the rules as a file", () => {
  it("numbers its lines, and marks the one that is not understood", async () => {
    page = await mountFor(RuleYaml, { rules: [], foreign: [], name: "acl" });
    const area = page.host.querySelector<HTMLTextAreaElement>("[data-test=yaml-text]") as HTMLTextAreaElement;
    area.value = "version: 1\nrules:\n  - id: a\n    efect: deny\n    models: [m]\n";
    area.dispatchEvent(new Event("input"));
    await nextTick();
    expect(page.host.querySelector(".nr")?.textContent).toBe("1\n2\n3\n4\n5\n6");
    page.host.querySelector<HTMLButtonElement>("[data-test=yaml-take]")?.click();
    await nextTick();
    const line = Number(/Line (\d+)/.exec(page.host.querySelector("[data-test=yaml-problem]")?.textContent ?? "")?.[1]);
    expect(area.value.slice(area.selectionStart, area.selectionEnd)).toBe(area.value.split("\n")[line - 1]);
    expect(area.selectionEnd).toBeGreaterThan(area.selectionStart);
  });

  it("is downloaded with the line that shows that it is whole", async () => {
    page = await mountFor(RuleYaml, { rules: [], foreign: [], name: "acl" });
    page.host.querySelector<HTMLButtonElement>("[data-test=yaml-save]")?.click();
    expect(download).toHaveBeenCalledWith("acl.yaml", "version: 1\nrules: []\n...\n", "application/yaml");
  });
});
