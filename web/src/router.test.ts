import { createPinia, setActivePinia } from "pinia";
import { describe, expect, it, vi } from "vitest";
import { opens } from "@/pages";
import { useSession } from "@/stores/session";
import { router, pages, safeNext, startPage } from "./router";

describe("safeNext", () => {
  it.each([["/audit?actor=x", "/audit?actor=x"], ["//evil.example", null], ["/\\evil.example", null], ["https://evil.example", null], ["javascript:alert(1)", null], ["/sign-in", null], ["/setup", null], [["/a"], null], [undefined, null]])("%j: %j", (next, answer) => {
    expect(safeNext(next)).toBe(answer);
  });
});

describe("startPage", () => {
  it("is the first page that the actions open, or a calm one", () => {
    expect(startPage("admin", ["moderation.run", "audit.read"])).toEqual({ name: "moderate" });
    expect(startPage("auditor", ["audit.read"])).toEqual({ name: "audit" });
    expect(startPage("auditor", ["moderation.read", "audit.read"])).toEqual({ name: "audit" });
    expect(startPage("guest", ["example.read"])).toEqual({ name: "examples" });
    expect(startPage("nurse", ["example.read", "model.view"])).toEqual({ name: "models" });
    expect(startPage("porter", [])).toEqual({ name: "nothing" });
  });
});

describe("the page of keys", () => {
  it("leads who has no keys to the sessions, and asks the server for no keys", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (request: Request) => (asked.push(new URL(request.url).pathname), new Response("{}", { headers: { "Content-Type": "application/json" } })));
    setActivePinia(createPinia());
    const session = useSession();
    session.state = "in";
    session.actions = ["audit.read", "audit.export", "session.own"];
    await router.push("/keys");
    expect(router.currentRoute.value.name).toBe("sessions");
    session.actions = ["key.own", "session.own"];
    await router.push("/keys");
    expect(router.currentRoute.value.name).toBe("keys");
    expect(asked).toEqual([]);
    vi.unstubAllGlobals();
  });
});

describe("pages", () => {
  it("each have an address, a title and keys of their own", () => {
    for (const page of pages) expect(router.hasRoute(page.name), page.name).toBe(true);
    expect(new Set(pages.map((p) => p.keys)).size).toBe(pages.length);
  });

  it("open with one of their actions, or to everybody", () => {
    const can = (a: string) => a === "session.own";
    expect(opens({ action: ["key.own", "session.own"] }, can)).toBe(true);
    expect(opens({ action: "key.own" }, can)).toBe(false);
    expect(opens({}, can)).toBe(true);
  });
});
