import type { AuditEvent } from "@/api/types";

export type Link = "joined" | "skipped" | "missing" | "broken" | "end";

/**
 * What lies between a row and the next older one that is shown. `filtered` says that rows may be left out on
 * purpose; without a filter a hole in the numbers is a missing row. Neighbours must hold each other's hash.
 */
export function linkBelow(row: AuditEvent, older: AuditEvent | undefined, filtered: boolean): Link {
  if (!older) return "end";
  if (older.seq === row.seq - 1) return older.hash === row.prev_hash ? "joined" : "broken";
  return filtered ? "skipped" : "missing";
}
