import type { Field, Op } from "./read";

/** What is typed for an operation. "" is a field that is not sent. */
export interface Draft {
  values: Record<string, string>;
  body: string;
}

export const keyOf = (f: Pick<Field, "in" | "name">): string => f.in + ":" + f.name;

/** The path and query with what was typed; a part of the path that is missing stays as {name}. */
export function target(op: Op, values: Record<string, string>): string {
  const path = op.path.replaceAll(/\{([^}]+)\}/g, (hole, name: string) => {
    const v = values["path:" + name] ?? "";
    return v === "" ? hole : encodeURIComponent(v);
  });
  const query = new URLSearchParams();
  for (const f of op.fields) {
    const v = values[keyOf(f)] ?? "";
    if (f.in === "query" && v !== "") query.set(f.name, v);
  }
  const text = query.toString();
  return text === "" ? path : path + "?" + text;
}

export function headersOf(op: Op, values: Record<string, string>): [string, string][] {
  return op.fields.filter((f) => f.in === "header" && (values[keyOf(f)] ?? "") !== "").map((f) => [f.name, values[keyOf(f)] ?? ""]);
}

/** The names of what must be there and is not. */
export function missing(op: Op, draft: Draft): string[] {
  const names = op.fields.filter((f) => f.required && (draft.values[keyOf(f)] ?? "") === "").map((f) => f.name);
  return op.body?.required && draft.body.trim() === "" ? [...names, "body"] : names;
}

/** The typed body as a value: undefined for none, or why it is no JSON. */
export function parseBody(text: string): { value?: unknown; wrong: boolean } {
  if (text.trim() === "") return { wrong: false };
  try {
    return { value: JSON.parse(text) as unknown, wrong: false };
  } catch {
    return { wrong: true };
  }
}

const reading = new Set(["moderation.run", "chat.run", "audit.read", "metrics.read", "example.read", "model.view", "signed-in"]);

/** Whether a request changes something on this server beyond a row of history: then it is asked for before it is sent. */
export function changes(op: Pick<Op, "method" | "action">): boolean {
  return op.method !== "GET" && !(op.method === "POST" && reading.has(op.action));
}

/** Header names that a page may not set. The browser drops them silently; the form says so instead. */
export const isForbiddenHeader = (name: string): boolean => /^(cookie|host|origin|referer|connection|content-length|accept-encoding|sec-|proxy-)/i.test(name);
