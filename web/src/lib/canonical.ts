import type { AuditEvent } from "@/api/types";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** RFC 8785: members by the UTF-16 units of their names, which is how JavaScript compares strings; no space. */
function write(value: Json): string {
  if (Array.isArray(value)) return "[" + value.map(write).join(",") + "]";
  if (value !== null && typeof value === "object") {
    const names = Object.keys(value).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return "{" + names.map((name) => JSON.stringify(name) + ":" + write(value[name] ?? null)).join(",") + "}";
  }
  return JSON.stringify(value);
}

/** The bytes that are hashed: every member of the event as published, but `hash` (docs/audit.md). */
export function canonical(event: AuditEvent): string {
  const rest: Record<string, unknown> = { ...event };
  delete rest.hash;
  return write(rest as Json);
}

/** The event's hash computed again, here; null where the browser offers no digest (plain HTTP to another machine). */
export async function recompute(event: AuditEvent): Promise<string | null> {
  if (typeof crypto === "undefined" || !crypto.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(event)));
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
}
