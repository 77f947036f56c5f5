import { afterEach, expect, it, vi } from "vitest";
import { h, ref } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import ExportDialog from "./ExportDialog.vue";

let page: Mounted | null = null;
let asked: string[] = [];
let saved: string[] = [];
afterEach(() => {
  page?.done();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const find = (test: string) => document.querySelector<HTMLElement>(`[data-test="${test}"]`);
const problem = (status: number, code: string, headers = {}) => new Response(JSON.stringify({ code, status, title: "T", detail: "in English", request_id: "req_1" }), { status, headers: { "Content-Type": "application/problem+json", ...headers } });

async function open(answer: () => Response, language: "en" | "zh-CN" = "en") {
  asked = [];
  saved = [];
  const shown = ref(true);
  vi.stubGlobal("fetch", async (request: Request) => (asked.push(new URL(request.url).pathname + new URL(request.url).search), answer()));
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) { saved.push(this.getAttribute("href") ?? ""); });
  page = await mountFor({ setup: () => () => h(ExportDialog, { modelValue: shown.value, "onUpdate:modelValue": (on: boolean) => { shown.value = on; }, query: { decision: "deny" }, rows: 3 }) }, {}, { language });
  await vi.waitFor(() => expect(find("export-go")).not.toBeNull());
  find("export-go")?.click();
  return shown;
}

it("has the browser save what the server would let in, and stays", async () => {
  const shown = await open(() => new Response(null, { status: 204 }));
  await vi.waitFor(() => expect(find("export-begun")?.textContent).toContain("Your browser saves it now"));
  expect(asked).toEqual(["/api/v1/audit/export?format=jsonl&decision=deny&check=1"]);
  expect(saved).toEqual(["/api/v1/audit/export?format=jsonl&decision=deny"]);
  expect(shown.value).toBe(true);
});

it("says a refusal in the page, and saves nothing", async () => {
  await open(() => problem(503, "busy", { "Retry-After": "30" }));
  await vi.waitFor(() => expect(find("export-busy")?.textContent).toContain("Two exports are running already"));
  expect(saved).toEqual([]);
  expect(find("export-begun")).toBeNull();
});

it("says each refusal in the page's language", async () => {
  for (const [status, code, said] of [[503, "busy", "已有两个导出在进行"], [403, "forbidden", "本次导出未开始"], [503, "audit_unavailable", "本次导出未开始"]] as const) {
    await open(() => problem(status, code), "zh-CN");
    await vi.waitFor(() => expect(document.querySelector('[role="alert"]')?.textContent).toContain(said));
    expect(document.querySelector('[role="alert"]')?.textContent).not.toContain("in English");
    expect(saved).toEqual([]);
    page?.done();
  }
});
