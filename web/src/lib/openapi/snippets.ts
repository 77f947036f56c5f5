import { shellQuote } from "@/lib/curl";

/** A request as it would be sent: a whole address, headers beyond the credential, and a body of JSON or none. */
export interface Sent {
  method: string;
  url: string;
  headers: [string, string][];
  body?: unknown;
  open: boolean; // needs no credential
  streams: boolean;
}

export const languages = ["curl", "python", "javascript"] as const;
export type Snippet = (typeof languages)[number];

/** The request in a language. The key stands in a variable: no secret is ever shown or copied. */
export function snippet(language: Snippet, r: Sent): string {
  return { curl, python, javascript }[language](r);
}

function curl(r: Sent): string {
  const lines = [`curl -sS${r.streams ? "N" : ""} --cacert ca.pem ${r.method === "GET" ? "" : "-X " + r.method + " "}${shellQuote(r.url)}`];
  if (!r.open) lines.push(`-H "Authorization: Bearer $GH_KEY"`);
  for (const [name, value] of r.headers) lines.push(`-H ${shellQuote(name + ": " + value)}`);
  if (r.body !== undefined) lines.push("-H 'Content-Type: application/json'", `--data-raw ${shellQuote(JSON.stringify(r.body))}`);
  return lines.join(" \\\n  ");
}

function python(r: Sent): string {
  const headers = pairs(r, (name) => `f"Bearer {os.environ['${name}']}"`);
  const given = [pythonValue(r.url), ...(headers.length > 0 ? [`headers={${headers.join(", ")}}`] : []), ...(r.body === undefined ? [] : [`json=${pythonValue(r.body, 1)}`]), 'verify="ca.pem"', ...(r.streams ? ["stream=True"] : ["timeout=30"])];
  const after = r.streams ? ["for line in answer.iter_lines(decode_unicode=True):", "    print(line)"] : ["print(answer.status_code, answer.text)"];
  return [...(r.open ? [] : ["import os"]), "import requests", "", `answer = requests.${r.method.toLowerCase()}(`, ...given.map((g) => `    ${g},`), ")", "answer.raise_for_status()", ...after].join("\n");
}

function javascript(r: Sent): string {
  const headers = pairs(r, (name) => "`Bearer ${process.env." + name + "}`");
  if (r.body !== undefined) headers.push('"Content-Type": "application/json"');
  const options = [...(r.method === "GET" ? [] : [`method: ${JSON.stringify(r.method)}`]), ...(headers.length > 0 ? [`headers: { ${headers.join(", ")} }`] : []), ...(r.body === undefined ? [] : [`body: JSON.stringify(${indent(JSON.stringify(r.body, null, 2), "  ")})`])];
  const after = r.streams ? ["for await (const part of answer.body.pipeThrough(new TextDecoderStream())) console.log(part);"] : ["if (!answer.ok) throw new Error(await answer.text());", "console.log(await answer.text());"];
  const note = "// NODE_EXTRA_CA_CERTS=ca.pem node --input-type=module";
  return [note, `const answer = await fetch(${JSON.stringify(r.url)}${options.length > 0 ? ", {" : ");"}`, ...options.map((o) => `  ${o},`), ...(options.length > 0 ? ["});"] : []), ...after].join("\n");
}

function pairs(r: Sent, key: (name: string) => string): string[] {
  return [...(r.open ? [] : [`"Authorization": ${key("GH_KEY")}`]), ...r.headers.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)];
}

const indent = (text: string, by: string): string => text.replaceAll("\n", "\n" + by);

/** A value of JSON as Python writes it. Its strings are JSON's: Python reads every escape that JSON makes. */
export function pythonValue(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const pad = "    ".repeat(depth + 1);
  const parts = Array.isArray(value) ? value.map((v) => pythonValue(v, depth + 1)) : Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${pythonValue(v, depth + 1)}`);
  const [from, to] = Array.isArray(value) ? "[]" : "{}";
  const line = from + parts.join(", ") + to;
  return line.length <= 72 && !line.includes("\n") ? line : `${from}\n${parts.map((p) => pad + p).join(",\n")},\n${"    ".repeat(depth)}${to}`;
}
