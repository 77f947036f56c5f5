import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AuditEvent } from "@/api/types";
import { canonical, recompute } from "./canonical";
import { linkBelow } from "./chain";
import { curlCommand, shellQuote } from "./curl";
import { whatWouldChange } from "./explain";
import { chainHash, countCharacters, fingerprint, initials, shortAgent, shortHash, sizeOf } from "./format";
import { rangeStart } from "./range";
import { categoryOf, formatScore, meaning, topScore } from "./severity";
import { iconNames } from "./sprite";
import { passwordStrength } from "./strength";

const root = join(import.meta.dirname, "..");

describe("canonical form", () => {
  const page = readFileSync(join(root, "../../docs/audit.md"), "utf8");
  const blocks = [...page.matchAll(/```(json|text)\n([\s\S]*?)\n```/g)].map((m) => ({ kind: m[1], body: m[2] ?? "" }));
  const vectors = blocks.flatMap((b, i) => {
    const [form, hash] = [blocks[i + 1], blocks[i + 2]];
    return b.kind === "json" && form?.kind === "text" && hash?.kind === "text" ? [{ event: JSON.parse(b.body) as AuditEvent, form: form.body, hash: hash.body }] : [];
  });

  it("has vectors to be held against", () => expect(vectors.length).toBeGreaterThanOrEqual(3));

  it.each(vectors)("gives the published bytes and hash of vector %#", async ({ event, form, hash }) => {
    expect(canonical(event)).toBe(form);
    expect(await recompute(event)).toBe(hash);
    expect(event.hash).toBe(hash);
  });

  it.each(["decision", "seq", "duration_ms", "request_id"] as const)("notices a changed %s", async (member) => {
    const event = vectors[0]?.event as AuditEvent;
    const changed = { ...event, [member]: typeof event[member] === "number" ? event[member] + 1 : event[member] + "x" } as AuditEvent;
    expect(await recompute(changed)).not.toBe(event.hash);
  });
});

describe("chain", () => {
  const row = (seq: number, prev_hash: string, hash: string) => ({ seq, prev_hash, hash }) as AuditEvent;
  it("joins, and tells a hole from rows left out on purpose", () => {
    expect(linkBelow(row(2, "a", "b"), row(1, "0", "a"), false)).toBe("joined");
    expect(linkBelow(row(2, "a", "b"), row(1, "0", "z"), false)).toBe("broken");
    expect(linkBelow(row(5, "a", "b"), row(1, "0", "a"), true)).toBe("skipped");
    expect(linkBelow(row(5, "a", "b"), row(1, "0", "a"), false)).toBe("missing");
    expect(linkBelow(row(1, "0", "a"), undefined, false)).toBe("end");
  });
});

describe("curl", () => {
  it("cannot be broken out of by a text", () => {
    expect(shellQuote("it's $(id) `id` \"x\"")).toBe(`'it'\\''s $(id) \`id\` "x"'`);
    const command = curlCommand("https://h:8443", { model: "m", policy: "loose", input: "'; rm -rf ~ #" });
    expect(command).toContain(`--data-raw '{"input":"'\\''; rm -rf ~ #","policy":"loose","model":"m"}'`);
    expect(command).toContain("$GUARDHOUSE_KEY");
  });
});

describe("verdict words", () => {
  const scores = { safe: 0.006, controversial: 0.041, unsafe: 0.952, other: 0.001 };
  const policy = { version: 1, mode: "strict" as const };
  it("never claims certainty", () => {
    expect(formatScore(1)).toBe(">0.999");
    expect(formatScore(0.99951)).toBe(">0.999");
    expect(formatScore(0.0001)).toBe("<0.001");
    expect(formatScore(0)).toBe("0.000");
    expect(formatScore(0.0415)).toMatch(/^0\.04[12]$/);
  });
  it("shows a held verdict as held, whatever its level", () => {
    expect(meaning("Safe", "review")).toBe("review");
    expect(meaning("Unsafe", "block")).toBe("unsafe");
    expect(topScore("Controversial", scores)).toBe(0.041);
  });
  it("says what would change it", () => {
    expect(whatWouldChange({ severity: "Unsafe", action: "block", scores, policy })).toEqual([
      { key: "verdict.change.both", values: {} },
      { key: "verdict.change.clear", values: { own: "unsafe", next: "contro", lead: "0.911" } },
    ]);
    const near = { safe: 0.45, controversial: 0.5, unsafe: 0.05, other: 0 };
    expect(whatWouldChange({ severity: "Controversial", action: "block", scores: near, policy })[0]?.key).toBe("verdict.change.looser");
    expect(whatWouldChange({ severity: "Controversial", action: "allow", scores: near, policy: { version: 1, mode: "loose" } }).map((s) => s.key)).toEqual(["verdict.change.stricter", "verdict.change.close"]);
    expect(whatWouldChange({ severity: "Safe", action: "review", scores: { ...near, other: 0.31 }, policy })).toEqual([{ key: "verdict.change.rest", values: { rest: "31" } }]);
    expect(whatWouldChange({ severity: "Safe", action: "review", scores: near, policy })[0]?.key).toBe("verdict.change.unreadable");
  });
  it("knows nine categories under ten names", () => {
    expect(categoryOf("PII")).toEqual(categoryOf("Personally Identifiable Information"));
    expect(categoryOf("constructor")).toBeNull();
    expect(categoryOf("__proto__")).toBeNull();
  });
});

describe("format", () => {
  it("shortens without hiding what is short already", () => {
    expect(shortHash("9c41f2aaaaaaaaaae07a")).toBe("9c41f2…e07a");
    expect(shortHash("abc")).toBe("abc");
    expect(chainHash("c41e9a0d" + "0".repeat(52) + "5be3")).toBe("c41e 9a0d … 5be3");
    expect(fingerprint("4a1fc092" + "00".repeat(24) + "7be305d8")).toBe("4A:1F:C0:92 … 7B:E3:05:D8");
  });
  it("names browsers and programs", () => {
    expect(shortAgent("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe("Firefox, Windows");
    expect(shortAgent("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15")).toBe("Safari, macOS");
    expect(shortAgent("OpenAI/Python 2.1.0")).toBe("OpenAI Python");
    expect(shortAgent("x".repeat(60))).toHaveLength(41);
  });
  it("counts characters as a person does", () => {
    expect(countCharacters("a𠮷😀b")).toBe(4);
    expect(initials("lin.qiao")).toBe("LQ");
    expect(initials("王芳")).toBe("王芳");
  });
});

describe("range", () => {
  const now = new Date(2026, 10, 21, 14, 2);
  it("begins today at local midnight and ends never for all", () => {
    expect(rangeStart("today", now)).toEqual(new Date(2026, 10, 21));
    expect(rangeStart("24h", now)).toEqual(new Date(2026, 10, 20, 14, 2));
    expect(rangeStart("all", now)).toBeNull();
    expect(rangeStart("nonsense", now)).toBeNull();
  });
});

describe("password strength", () => {
  it("counts bytes and knows what is weak", () => {
    expect(passwordStrength("", "m.chen")).toMatchObject({ level: 0, longEnough: false });
    expect(passwordStrength("密码密码", "").bytes).toBe(12);
    expect(passwordStrength("aaaaaaaaaaaaaaaaaaaaaaaa", "")).toMatchObject({ level: 1, distinct: false });
    expect(passwordStrength("123456789012345", "").level).toBe(1);
    expect(passwordStrength("my name is m.chen today", "m.chen")).toMatchObject({ level: 1, notTheName: false });
    expect(passwordStrength("a long and private sentence", "m.chen").level).toBe(3);
    expect(passwordStrength("x".repeat(1025), "")).toMatchObject({ notTooLong: false, level: 1 });
  });
});

describe("icons", () => {
  it("every name used in a template is drawn", () => {
    const names = iconNames();
    const files = readdirSync(root, { recursive: true }).map(String).filter((f) => /\.(vue|ts)$/.test(f) && !f.endsWith(".test.ts"));
    const used = files.flatMap((f) => {
      const text = readFileSync(join(root, f), "utf8");
      return [...text.matchAll(/(?:<GhIcon[^>]*?\sname="([a-z0-9-]+)"|\bicon(?:=|: )"([a-z0-9-]+)")/g)].map((m) => m[1] ?? m[2] ?? "");
    });
    expect(used.length).toBeGreaterThan(40);
    expect(used.filter((n) => !names.has(n))).toEqual([]);
    for (const n of ["safe", "contro", "unsafe", "review", "allow", "deny", "error"]) expect(names.has(n)).toBe(true);
  });
});

it("says sizes as people do", () => {
  expect(sizeOf(8_490_176)).toEqual({ unit: "MB", n: 8.5 });
  expect(sizeOf(4_300_000_000)).toEqual({ unit: "GB", n: 4.3 });
  expect(sizeOf(512)).toEqual({ unit: "B", n: 512 });
  expect(sizeOf(999_900)).toEqual({ unit: "MB", n: 1 });
});
