import type { RouteLocationRaw } from "vue-router";

/** One line of the palette. */
export interface Hit {
  id: string;
  group: PaletteGroup;
  icon: string;
  label: string;
  /** Said smaller beside the label: a role, a state. */
  note?: string;
  keys?: string;
  run: () => unknown;
}

export const paletteGroups = ["id", "people", "models", "do", "go"] as const;
export type PaletteGroup = (typeof paletteGroups)[number];

export interface IdTarget {
  id: string;
  icon: string;
  /** The text's key in the catalogue. */
  label: string;
  action: string;
  /** The addresses from the best to the last; the first whose page exists is taken. */
  to: RouteLocationRaw[];
}

/** Where a pasted id leads: a verdict, an audit event, a person, everything of one request. */
export function idTargets(query: string): IdTarget[] {
  const id = query.trim();
  if (/^mod_\w+$/.test(id)) return [{ id: "id-verdict", icon: "moderate", label: "palette.verdict", action: "moderation.read", to: [{ name: "verdict", params: { id } }, { name: "history", params: { id } }] }];
  if (/^evt_\w+$/.test(id)) return [{ id: "id-event", icon: "audit", label: "palette.event", action: "audit.read", to: [{ name: "event", params: { id } }, { name: "audit", params: { id } }] }];
  if (/^usr_\w+$/.test(id)) return [{ id: "id-person", icon: "users", label: "palette.person", action: "user.manage", to: [{ name: "people", params: { id } }] }];
  if (!/^req_\w+$/.test(id)) return [];
  return [
    { id: "id-request-audit", icon: "audit", label: "palette.requestAudit", action: "audit.read", to: [{ name: "audit", query: { request_id: id } }] },
    { id: "id-request-history", icon: "history", label: "palette.requestHistory", action: "moderation.read", to: [{ name: "history", query: { request_id: id } }] },
  ];
}

/** How well words fit a text, 0 for not at all: a text that begins with them, then a word that does, then anywhere. All words must fit. */
export function fit(query: string, text: string): number {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const whole = text.toLowerCase();
  if (words.length === 0) return 1;
  let score = 0;
  for (const word of words) {
    const at = whole.indexOf(word);
    if (at < 0) return 0;
    score += at === 0 ? 4 : /[\s._@:,&/-]/.test(whole[at - 1] ?? "") ? 3 : 1;
  }
  return score / words.length;
}

/** The lines in the order of their groups, in each the best first. */
export function arrange(hits: readonly { hit: Hit; score: number }[]): Hit[] {
  const order = (h: Hit) => paletteGroups.indexOf(h.group);
  return [...hits].sort((a, b) => order(a.hit) - order(b.hit) || b.score - a.score).map((h) => h.hit);
}
