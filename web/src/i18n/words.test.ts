import { describe, expect, it } from "vitest";
import { messages } from "./index";

type Words = { keyring: { op: Record<string, string> }; requests: { op: Record<string, string> }; rules: { explain: Record<string, string>; cond: Record<string, string> } };

describe.each(["en", "zh-CN"] as const)("words in %s", (locale) => {
  const words = messages[locale] as unknown as Words;

  it("name what is done with a model alike where a key is made and where access is asked for", () => {
    for (const op of ["view", "infer", "train", "download"]) expect(words.keyring.op[op], op).toBe(words.requests.op[op]);
  });

  it("do not call an address what a day is called", () => {
    expect(words.rules.explain.from?.toLowerCase()).not.toBe(words.rules.cond.valid_from?.toLowerCase());
    expect(words.rules.explain.from?.toLowerCase()).toContain(words.rules.cond.ip_ranges?.toLowerCase());
  });
});
