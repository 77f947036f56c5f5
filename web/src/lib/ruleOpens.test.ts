import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { opensMore, type RuleStep } from "./ruleOpens";

interface Line extends RuleStep {
  name: string;
  default?: "allow" | "deny";
  opens: boolean;
}
// The server's tests read the same lines: whoever is asked here is whom it asks.
const lines = JSON.parse(readFileSync(resolve("../internal/access/testdata/opens.json"), "utf8")) as Line[];

describe("opensMore", () => {
  it.each(lines)("$name", ({ before, after, default: d, opens }) => {
    expect(opensMore([{ before, after }], d === "allow")).toBe(opens);
  });

  it("asks where one of several changes opens", () => {
    const opening = lines.find((l) => l.opens) as Line;
    expect(opensMore(lines.filter((l) => !l.opens && l.default !== "allow"), false)).toBe(false);
    expect(opensMore([...lines.filter((l) => !l.opens), opening], false)).toBe(true);
    expect(opensMore([], false)).toBe(false);
  });
});
