import { describe, expect, it } from "vitest";
import { exportAddress } from "./exportAddress";

describe("where an export is read from", () => {
  it("says exactly what is filtered", () => {
    expect(exportAddress("jsonl", true, { actor: "a&b=c", decision: undefined, q: "", from: "2026-11-22T00:00:00.000Z" })).toBe("/api/v1/audit/export?format=jsonl&actor=a%26b%3Dc&from=2026-11-22T00%3A00%3A00.000Z");
  });
  it("marks CSV where it is asked to", () => {
    expect(exportAddress("csv", true, {})).toBe("/api/v1/audit/export?format=csv&bom=1");
    expect(exportAddress("csv", false, {})).toBe("/api/v1/audit/export?format=csv");
  });
});
