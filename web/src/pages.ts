/** A page of the navigation. Without `action` it is everybody's; with several, one of them is enough. */
export interface Page {
  name: string;
  /** menu: stands in the person's menu, not in the navigation. */
  group: "work" | "govern" | "evidence" | "menu";
  icon: string;
  action?: string | readonly string[];
  /** The keys that lead there, after "g" by custom. */
  keys: string;
  /** The page among whose tabs it stands, for who may open that one. */
  under?: string;
}

export const groups = ["work", "govern", "evidence"] as const;

/** The pages in the order of the navigation. Only built ones stand here. */
export const pages: readonly Page[] = [
  { name: "overview", group: "work", icon: "overview", action: "metrics.read", keys: "g o" },
  { name: "moderate", group: "work", icon: "moderate", action: "moderation.run", keys: "g m" },
  { name: "history", group: "work", icon: "history", action: "moderation.read", keys: "g h" },
  { name: "examples", group: "work", icon: "chat", action: "example.read", keys: "g e" },
  { name: "models", group: "govern", icon: "models", action: "model.view", keys: "g l" },
  { name: "rules", group: "govern", icon: "rules", action: "acl.manage", keys: "g r" },
  { name: "people", group: "govern", icon: "users", action: "user.manage", keys: "g u" },
  { name: "keys", group: "govern", icon: "keys", action: ["key.own", "session.own"], keys: "g k" },
  { name: "settings", group: "govern", icon: "gauge", action: "settings.manage", keys: "g s" },
  { name: "audit", group: "evidence", icon: "audit", action: "audit.read", keys: "g a" },
  { name: "system", group: "evidence", icon: "system", action: "settings.manage", keys: "g y" },
  { name: "usage", group: "menu", icon: "gauge", keys: "g c" },
  { name: "requests", group: "menu", icon: "approvals", keys: "g q", under: "people" },
  { name: "profile", group: "menu", icon: "users", keys: "g p" },
  { name: "api", group: "menu", icon: "link", keys: "g i" },
];

export const pageOf = (name: unknown): Page | undefined => pages.find((p) => p.name === name);

/** Whether somebody with these actions may open a page; `can` answers for one action. */
export function opens(page: Pick<Page, "action">, can: (action: string) => boolean): boolean {
  if (page.action === undefined) return true;
  return typeof page.action === "string" ? can(page.action) : page.action.some(can);
}

/** The row that a page of the console is shown under: its own, or that of the page among whose tabs it stands. */
export function shownUnder(name: unknown, can: (action: string) => boolean): Page | undefined {
  const row = pageOf(name);
  const parent = pageOf(row?.under);
  return parent && opens(parent, can) ? parent : row;
}

const startByRole: Record<string, string> = { admin: "overview", reviewer: "moderate", radiologist: "models", nurse: "models", guest: "examples", auditor: "audit" };

/** Where a person begins: the page of the role if it is built and allowed, else the first allowed one, else a calm page. */
export function startPage(role: string, actions: string[]): { name: string } {
  const allowed = pages.filter((p) => p.action !== undefined && opens(p, (a) => actions.includes(a))).map((p) => p.name);
  const own = startByRole[role];
  return { name: own && allowed.includes(own) ? own : (allowed[0] ?? "nothing") };
}
