import { describe, expect, it } from "vitest";
import { readDuration, splitDuration } from "./duration";

describe("times of the settings", () => {
  it.each([["30m", 1_800_000], ["1h30m", 5_400_000], ["100ms", 100], ["1.5s", 1500], ["0s", 0]])("reads %s", (text, ms) => expect(readDuration(text)).toBe(ms));
  it.each(["", "30", "m", "30m x", "1d", "-5m"])("refuses %j", (text) => expect(readDuration(text)).toBeNull());
  it.each([["30m", "30", "m"], ["90m", "90", "m"], ["60m", "1", "h"], ["1h30m", "90", "m"], ["100ms", "100", "ms"], ["90s", "90", "s"], ["120s", "2", "m"], ["odd", "odd", "m"]])("takes %s apart", (text, n, unit) => expect(splitDuration(text)).toEqual({ n, unit }));
});
