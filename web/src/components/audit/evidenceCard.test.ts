import { afterEach, expect, it, vi } from "vitest";
import { h } from "vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import EvidenceCard from "./EvidenceCard.vue";

let page: Mounted | null = null;
let asked: string[] = [];
let saved: string[] = [];
afterEach(() => {
  page?.done();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const find = <T extends HTMLElement>(test: string) => document.querySelector<T>(`[data-test="${test}"]`);
const json = (body: unknown) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
const key = (id: string, until: string | null) => ({ id, verifier: "guardhouse/" + id, at: "2026-11-22T09:00:00.000Z", until, previous: null, lost: false, note: "", event_id: "evt_1" });

async function open(actions: string[], check = () => new Response(null, { status: 204 })): Promise<void> {
  asked = [];
  saved = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    asked.push(url.pathname + url.search);
    return url.pathname.endsWith("/keys") ? json({ items: [key("old", "2026-11-22T10:00:00.000Z"), key("new", null)] }) : check();
  });
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) { saved.push(this.getAttribute("href") ?? ""); });
  page = await mountFor({ setup: () => ((useSession().actions = actions), () => h(EvidenceCard)) });
}

async function write(test: string, value: string): Promise<void> {
  const field = find<HTMLInputElement>(test);
  if (!field) throw new Error("no " + test);
  field.value = value;
  field.dispatchEvent(new Event("input"));
  await Promise.resolve();
}

it("has a pack of the period saved once the server would let it in", async () => {
  await open(["audit.export", "audit.read"]);
  await write("evidence-from", "2026-11-01");
  await write("evidence-to", "2026-11-20");
  find("evidence-go")?.click();
  await vi.waitFor(() => expect(find("export-begun")).not.toBeNull());
  const time = new URLSearchParams({ from: new Date("2026-11-01T00:00").toISOString(), to: new Date("2026-11-20T00:00").toISOString() }).toString();
  expect(asked).toContain("/api/v1/audit/export?format=jsonl&" + time + "&check=1");
  expect(saved).toEqual(["/api/v1/audit/evidence?" + time]);
  expect(find("evidence-key")?.textContent).toContain("new");
});

it("says whose days they are, and with what the key is compared", async () => {
  await open(["audit.export", "audit.read"]);
  expect(find("evidence-zone")?.textContent).toContain(new Intl.DateTimeFormat().resolvedOptions().timeZone);
  expect([...document.querySelectorAll("code")].map((e) => e.textContent)).toContain("guardhouse audit key");
});

it("asks for no pack whose end comes before its beginning", async () => {
  await open(["audit.export"]);
  await write("evidence-from", "2026-11-20");
  await write("evidence-to", "2026-11-01");
  await vi.waitFor(() => expect(find<HTMLButtonElement>("evidence-go")?.disabled).toBe(true));
  find("evidence-go")?.click();
  expect(asked).toEqual([]);
});

it("shows the key only to who may read the log, and a refusal in place", async () => {
  await open(["audit.export"], () => new Response(JSON.stringify({ code: "busy" }), { status: 503, headers: { "Content-Type": "application/problem+json" } }));
  find("evidence-go")?.click();
  await vi.waitFor(() => expect(find("export-busy")).not.toBeNull());
  expect(saved).toEqual([]);
  expect(asked.some((a) => a.endsWith("/keys"))).toBe(false);
});
