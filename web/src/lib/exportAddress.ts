import type { operations } from "@/api/schema";

export type ExportFormat = "jsonl" | "csv";
export type ExportQuery = NonNullable<operations["exportAudit"]["parameters"]["query"]>;
type Filters = Readonly<Record<string, string | undefined>>;

const given = (filters: Filters) => Object.entries(filters).filter((f): f is [string, string] => Boolean(f[1]));

/** What an export is asked for, as the server takes it. */
export function exportQuery(format: ExportFormat, bom: boolean, filters: Filters): ExportQuery {
  return { format, ...(format === "csv" && bom ? { bom: 1 } : {}), ...Object.fromEntries(given(filters)) };
}

const address = (path: string, query: object): string => {
  const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
  return path + (text && "?" + text);
};

/** Where an export is read from: a link that the browser saves by itself, so that nothing of it passes through the page. */
export const exportAddress = (query: ExportQuery): string => address("/api/v1/audit/export", query);

/** Where an evidence pack of a time is read from, in the same way. */
export const evidenceAddress = (time: Filters): string => address("/api/v1/audit/evidence", Object.fromEntries(given(time)));

/** Has the browser save what an address answers, under the name that the server gives it. */
export function saveFrom(href: string): void {
  const link = document.createElement("a");
  link.href = href;
  link.download = "";
  link.click();
}
