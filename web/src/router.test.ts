import { describe, expect, it } from "vitest";
import { jumpTargets } from "@/lib/jump";
import { safeNext, startPage } from "./router";

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
    expect(startPage("guest", ["example.read"])).toEqual({ name: "nothing" });
  });
});

describe("jumpTargets", () => {
  const t = (key: string) => key;
  it("offers only what the person may", () => {
    expect(jumpTargets("", (a) => a === "moderation.run", t).map((x) => x.id)).toEqual(["moderate", "api", "theme", "language"]);
    expect(jumpTargets("req_1ABC", (a) => a === "moderation.read", t).map((x) => x.id)).toEqual(["request-history"]);
    expect(jumpTargets("req_1ABC", () => true, t).map((x) => x.id)).toEqual(["request-audit", "request-history"]);
    expect(jumpTargets("evt_1 or 1=1", () => true, t)).toEqual([]);
  });
});
