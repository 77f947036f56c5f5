import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { messages } from "@/i18n";

// Every word by which the server says why has a text here, in both languages. The words are read from the server's source, so
// that a new one is missed at once.
const root = resolve("../internal");

/** The Go source of some packages, tests and generated code aside. */
function source(...folders: string[]): string {
  const files = folders.flatMap((f) => readdirSync(join(root, f), { recursive: true }).map((name) => join(root, f, String(name))));
  return files.filter((f) => f.endsWith(".go") && !f.endsWith("_test.go") && !f.includes("/gen/")).map((f) => readFileSync(f, "utf8")).join("\n");
}
/** What a pattern's group finds, each once. */
const words = (text: string, ...patterns: RegExp[]): string[] => [...new Set(patterns.flatMap((p) => [...text.matchAll(p)].map((m) => m[1] as string)))].sort();

const gate = source("access", "rule");
const conditions = words(gate, /\bCond[A-Z]\w*\s*=\s*"(\w+)"/g);
const decided = words(gate, /\b[Rr]eason[A-Z]\w*\s*=\s*"(\w+)"/g);
const barred = words(gate, /\bbarred[A-Z]\w*\s*=\s*"(\w+)"/g);
const faults = words(source("fault"), /\bCode\s*=\s*"(\w+)"/g);
const recorded = words(source("access", "auth", "audit", "policy", "httpapi", "moderation"), /\b[Rr]eason[A-Z]\w*\s*=\s*"(\w+)"/g, /\bReason:\s*"(\w+)"/g, /\.Reason = "(\w+)"/g);
const needs = words(source("overview"), /Need\{+"(\w+)"/g, /\badd\("(\w+)"/g, /\bCode, n\.Severity = "(\w+)"/g);
const found = words(source("hygiene"), /\b(?:UnknownPrincipal|Contradictory|Expiring|Expired|Shadowed|NeverMatched|UnknownModel|UnusedKey)\s*=\s*"(\w+)"/g);
const loading = words(source("catalog"), /\b(?:File[A-Z]\w*|No[A-Z]\w*)\s*=\s*"(\w+)"/g);
const checks = words(source("doctor"), /\.as\("(\w+)"/g, /"(environment_\w+)", "/g);

/** What a use is never explained with: it did not come to a decision, or was an anonymous one's. */
const never = ["anonymous", "canceled", "failed"];

const expected: [string, readonly string[], readonly string[]][] = [
  // where, the words, and beside them some that the list must have whatever the patterns find
  ["reason", [...faults, ...recorded, ...conditions.filter((c) => c !== "rate_limit").map((c) => "condition_" + c)], ["acl_file_invalid", "not_in_force", "key_address", "wrong_password"]],
  ["whyReason", [...faults, ...recorded], ["acl_file_invalid"]],
  ["error", faults, ["invalid", "confirmation_required", "timeout"]],
  ["rules.explain.reason", [...decided.filter((r) => !never.includes(r)), ...barred], ["default_deny", "account_disabled", "key_ended"]],
  ["rules.explain.short", [...decided.filter((r) => !never.includes(r)), ...barred, ...conditions.map((c) => "condition_" + c)], ["condition_hours"]],
  ["rules.explain.failed", conditions, ["hours", "purpose"]],
  ["need", needs, ["chain_broken", "acl_file_invalid", "model_failed", "review_due"]],
  ["needReason", loading, ["no_memory"]],
  ["catalog.why", loading, ["no_memory"]],
  ["rules.hygiene.text", found, ["shadowed", "unused_key"]],
  ["check", checks, ["disk_full", "certificate_ends", "late"]],
];

const texts = (language: "en" | "zh-CN", place: string): Record<string, unknown> => place.split(".").reduce<Record<string, unknown>>((at, part) => (at[part] ?? {}) as Record<string, unknown>, messages[language] as Record<string, unknown>);

describe("words of the server", () => {
  it.each(expected)("%s has a text for each", (place, list, some) => {
    for (const w of some) expect(list, "the patterns find it").toContain(w);
    for (const language of ["en", "zh-CN"] as const) {
      const has = texts(language, place);
      expect(list.filter((w) => has[w] === undefined), `${place} in ${language}`).toEqual([]);
    }
  });
});
