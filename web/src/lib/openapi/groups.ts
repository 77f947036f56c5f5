import type { Op } from "./read";

/** Operations by what people do with them. A tag that stands nowhere here ends in `other`, so that no route is lost. */
const byTag: Record<string, string> = {
  moderation: "judge", openai: "judge", examples: "judge",
  models: "models",
  users: "people", roles: "people", groups: "people",
  auth: "access", sessions: "access", keys: "access", setup: "access", usage: "access",
  acl: "rules", rules: "rules", access: "rules",
  audit: "evidence", events: "evidence", filters: "evidence",
  overview: "server", system: "server", settings: "server", health: "server",
  alias: "alias",
};
export const groupNames = ["judge", "models", "people", "access", "rules", "evidence", "server", "other", "alias"] as const;
export type GroupName = (typeof groupNames)[number];

export const groupOf = (op: Pick<Op, "tag">): GroupName => (Object.hasOwn(byTag, op.tag) ? (byTag[op.tag] as GroupName) : "other");

export interface OpGroup {
  name: GroupName;
  ops: Op[];
}

export function grouped(ops: readonly Op[]): OpGroup[] {
  return groupNames.map((name) => ({ name, ops: ops.filter((op) => groupOf(op) === name) })).filter((g) => g.ops.length > 0);
}

/** Every word of the query stands somewhere in the operation: its names, its path, or the title that the page shows. */
export function matches(op: Op, title: string, query: string): boolean {
  const hay = [op.method, op.path, op.id, op.summary, title, op.action, op.tag].join("\n").toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => hay.includes(word));
}
