/** A page of the audit area and the action that opens it. Its tab shows as soon as its route is there. */
export interface AuditTab {
  name: "audit" | "proof" | "exports" | "retention" | "forwarding";
  action: string;
}

/** In the order of the tabs. A route takes its action from here too. */
export const auditTabs: readonly AuditTab[] = [
  { name: "audit", action: "audit.read" },
  { name: "proof", action: "audit.read" },
  { name: "exports", action: "audit.export" },
  { name: "retention", action: "settings.manage" },
  { name: "forwarding", action: "settings.manage" },
];

export const auditTabOf = (name: string): AuditTab | undefined => auditTabs.find((tab) => tab.name === name);
