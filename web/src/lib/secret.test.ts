import { describe, expect, it } from "vitest";
import { makePassword } from "./secret";

describe("a made password", () => {
  it("is four groups of five readable signs, another one each time", () => {
    const many = new Set(Array.from({ length: 50 }, () => makePassword()));
    expect(many.size).toBe(50);
    for (const p of many) expect(p).toMatch(/^[a-hjkmnp-z2-9]{5}(-[a-hjkmnp-z2-9]{5}){3}$/);
  });

  it("drops the bytes that would favour some signs", () => {
    let call = 0;
    const made = makePassword((bytes) => bytes.fill(call++ === 0 ? 255 : 0)); // 255 is beyond the last whole round of 31
    expect(made).toBe("aaaaa-aaaaa-aaaaa-aaaaa");
    expect(call).toBe(2);
  });
});
