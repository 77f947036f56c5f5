// The parameters of the pages with lists; the server keeps saved filters of these and no others (internal/filters/pages.go).
export const auditFilters = ["range", "from", "to", "actor", "action", "model", "decision", "ip", "rule", "reason", "purpose", "key", "request_id", "q", "order", "view"] as const;
export const historyFilters = ["scope", "range", "from", "to", "severity", "action", "model", "request_id"] as const;

export type AuditFilter = (typeof auditFilters)[number];
export type HistoryFilter = (typeof historyFilters)[number];

/** The query string of what is set, by name; "" for nothing. */
export function toQuery(filters: Record<string, string>): string {
  const set = Object.entries(filters).filter(([, value]) => value !== "");
  set.sort(([a], [b]) => (a < b ? -1 : 1));
  return new URLSearchParams(set).toString();
}

/** A saved query as a route takes it. */
export const fromQuery = (query: string): Record<string, string> => Object.fromEntries(new URLSearchParams(query));

/** Whether two query strings ask for the same. */
export const sameQuery = (a: string, b: string): boolean => toQuery(fromQuery(a)) === toQuery(fromQuery(b));
