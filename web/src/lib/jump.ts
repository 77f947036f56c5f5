import type { RouteLocationRaw } from "vue-router";
import { opens, pages } from "@/pages";

export interface JumpTarget {
  id: string;
  icon: string;
  label: string;
  keys: string[];
  to?: RouteLocationRaw;
  act?: "theme" | "language";
}

/** Where a pasted id leads: a verdict, an audit event, everything of one request. */
function byId(query: string, can: (action: string) => boolean, t: (key: string, values?: Record<string, string>) => string): JumpTarget[] {
  const found: JumpTarget[] = [];
  const id = query.trim();
  if (/^mod_\w+$/.test(id) && can("moderation.read")) found.push({ id: "verdict", icon: "history", label: t("jump.verdict", { id }), keys: [], to: { name: "history", params: { id } } });
  if (/^evt_\w+$/.test(id) && can("audit.read")) found.push({ id: "event", icon: "audit", label: t("jump.event", { id }), keys: [], to: { name: "audit", params: { id } } });
  if (/^req_\w+$/.test(id)) {
    if (can("audit.read")) found.push({ id: "request-audit", icon: "audit", label: t("jump.requestAudit", { id }), keys: [], to: { name: "audit", query: { request_id: id } } });
    if (can("moderation.read")) found.push({ id: "request-history", icon: "history", label: t("jump.requestHistory", { id }), keys: [], to: { name: "history", query: { request_id: id } } });
  }
  return found;
}

/** Pages, deeds and pasted ids that match; only what this person may. */
export function jumpTargets(query: string, can: (action: string) => boolean, t: (key: string, values?: Record<string, string>) => string): JumpTarget[] {
  const all: JumpTarget[] = [
    ...pages.filter((p) => opens(p, can)).map((p) => ({ id: p.name, icon: p.icon, label: t("page." + p.name), keys: p.keys.split(" "), to: { name: p.name } })),
    { id: "theme", icon: "moon", label: t("jump.theme"), keys: [], act: "theme" },
    { id: "language", icon: "chat", label: t("jump.language"), keys: [], act: "language" },
  ];
  const words = query.trim().toLowerCase();
  const hits = words === "" ? all : all.filter((x) => x.label.toLowerCase().includes(words) || x.id.includes(words));
  return [...byId(query, can, t), ...hits];
}
