import { describe, expect, it } from "vitest";
import { evidenceAddress, exportAddress, exportQuery } from "./exportAddress";

describe("where an export is read from", () => {
  const of = (...asked: Parameters<typeof exportQuery>) => exportAddress(exportQuery(...asked));
  it("says exactly what is filtered", () => {
    expect(of("jsonl", true, { actor: "a&b=c", decision: undefined, q: "", from: "2026-11-22T00:00:00.000Z" })).toBe("/api/v1/audit/export?format=jsonl&actor=a%26b%3Dc&from=2026-11-22T00%3A00%3A00.000Z");
  });
  it("marks CSV where it is asked to", () => {
    expect(of("csv", true, {})).toBe("/api/v1/audit/export?format=csv&bom=1");
    expect(of("csv", false, {})).toBe("/api/v1/audit/export?format=csv");
  });
  it("names the time of a pack, or none", () => {
    expect(evidenceAddress({ from: undefined, to: undefined })).toBe("/api/v1/audit/evidence");
    expect(evidenceAddress({ from: "2026-11-01T00:00:00.000Z", to: "" })).toBe("/api/v1/audit/evidence?from=2026-11-01T00%3A00%3A00.000Z");
  });
});
