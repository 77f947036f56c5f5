import { describe, expect, it } from "vitest";
import { csv } from "./download";

describe("csv", () => {
  it("quotes what must be quoted and disarms what a spreadsheet would run", () => {
    expect(csv([["a", "b"], ['say "x"', "1,2"], ["=cmd()", -3]])).toBe('\uFEFFa,b\r\n"say ""x""","1,2"\r\n\'=cmd(),-3\r\n');
  });
});
