import { afterEach, describe, expect, it } from "vitest";
import { ApiError } from "@/api/error";
import { mountFor, type Mounted } from "@/lib/mountFor";
import ErrorNote from "./ErrorNote.vue";

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
});
const day = { name: "limits.person_day_tokens", unit: "tokens", span: "day", max: 60, left: 0, until: "2099-01-02T00:00:00Z" } as const;

describe("ErrorNote", () => {
  it.each([
    ["a minute", new ApiError("rate_limited", 429, "", "", 60), true, false],
    ["a wait of hours", new ApiError("rate_limited", 429, "", "", 54_900), false, false],
    ["a quota that is spent", new ApiError("rate_limited", 429, "", "", 54_900, "", null, day), false, true],
    ["more than a limit ever lets through", new ApiError("rate_limited", 429, "", "", null, "", null, { name: "limits.person", max: 6, left: 6 }), false, true],
    ["a failure", new ApiError("internal", 500, "", ""), true, false],
  ])("offers to try again only where that can help: %s", async (_name, error, again, usage) => {
    page = await mountFor(ErrorNote, { error, retry: true }, { routes: ["usage"] });
    expect([...page.host.querySelectorAll("button")].some((b) => b.textContent === "Try again")).toBe(again);
    expect(page.host.querySelector("[data-test=see-usage]")?.getAttribute("href") ?? "").toBe(usage ? "/usage" : "");
  });
});
