import type { Message, PolicyMode } from "@/api/types";
import { purposeHeader } from "./purpose";

/** Quotes for a POSIX shell: nothing inside single quotes is special but the quote itself. */
export function shellQuote(text: string): string {
  return "'" + text.replaceAll("'", `'\\''`) + "'";
}

/** The same question as a command. The key is a variable: no secret is ever put in the clipboard. */
export function curlCommand(origin: string, body: { model: string; policy: PolicyMode; input: string | Message[]; purpose?: string }): string {
  const payload: Record<string, unknown> = { input: body.input, policy: body.policy };
  if (body.model) payload.model = body.model;
  return [
    `curl -sS ${shellQuote(origin + "/api/v1/moderations")} \\`,
    `  -H "Authorization: Bearer $GUARDHOUSE_KEY" \\`,
    `  -H 'Content-Type: application/json' \\`,
    ...Object.entries(purposeHeader(body.purpose ?? "")).map(([name, value]) => `  -H ${shellQuote(`${name}: ${value}`)} \\`),
    `  --data-raw ${shellQuote(JSON.stringify(payload))}`,
  ].join("\n");
}

/** Reading an address of the API as a command. */
export function curlOf(origin: string, path: string): string {
  return [`curl -sS ${shellQuote(origin + path)} \\`, `  -H "Authorization: Bearer $GUARDHOUSE_KEY"`].join("\n");
}
