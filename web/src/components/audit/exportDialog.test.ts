import { afterEach, expect, it, vi } from "vitest";
import { h, ref } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import ExportDialog from "./ExportDialog.vue";

let page: Mounted | null = null;
afterEach(() => page?.done());

const find = (test: string) => document.querySelector<HTMLElement>(`[data-test="${test}"]`);

// The browser saves the file by itself: the page does not learn whether it could.
it("stays and says what to look for once an export was asked for", async () => {
  const open = ref(true);
  const set = (on: boolean) => { open.value = on; };
  page = await mountFor({ setup: () => () => h(ExportDialog, { modelValue: open.value, "onUpdate:modelValue": set, query: { decision: "deny" }, rows: 3 }) });
  await vi.waitFor(() => expect(find("export-go")).not.toBeNull());
  const go = find("export-go");
  expect(go?.getAttribute("href")).toBe("/api/v1/audit/export?format=jsonl&decision=deny");
  expect(find("export-begun")).toBeNull();
  go?.addEventListener("click", (e) => e.preventDefault());
  go?.click();
  await vi.waitFor(() => expect(find("export-begun")?.textContent).toContain("two exports are running"));
  expect(open.value).toBe(true);
});
