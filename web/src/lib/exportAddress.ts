export type ExportFormat = "jsonl" | "csv";

/** Where an export is read from: a link that the browser saves by itself, so that nothing of it passes through the page. */
export function exportAddress(format: ExportFormat, bom: boolean, filters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams({ format });
  if (format === "csv" && bom) query.set("bom", "1");
  for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value);
  return "/api/v1/audit/export?" + query.toString();
}
