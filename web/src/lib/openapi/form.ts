import type { Field } from "./read";
import { readSchema, sample, type Node } from "./schema";
import type { OpenApi } from "./types";

/** How a member is asked for. `json` is whatever no simpler field can hold. */
export type Kind = "choice" | "switch" | "number" | "secret" | "long" | "text" | "shape" | "json";

const isSecret = (name: string): boolean => /password|token|secret|^otp$/i.test(name);

export function kindOf(node: Node): Kind {
  if (node.variants.some((v) => v.type === "string")) return "shape";
  if (node.type === "boolean") return "switch";
  if (node.type === "integer" || node.type === "number") return "number";
  if (node.type !== "string") return "json";
  if (node.schema.enum) return "choice";
  if (isSecret(node.name)) return "secret";
  return node.schema.maxLength === undefined && node.schema.format === undefined ? "long" : "text";
}

/** The body as an object whose members a form can change; null where it is none. */
export function asObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = text.trim() === "" ? {} : JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Answers the body with one member set; undefined takes it away. */
export function withMember(text: string, name: string, value: unknown): string {
  const object = { ...asObject(text) };
  if (value === undefined) delete object[name];
  else object[name] = value;
  return JSON.stringify(object, null, 2);
}

/** What is typed into a field of a kind, as the member's value. undefined: not sent. */
export function typed(kind: Kind, text: string, required: boolean): unknown {
  if (text === "" && !(required && (kind === "text" || kind === "long" || kind === "secret" || kind === "shape"))) return undefined;
  if (kind === "switch") return text === "true";
  if (kind === "number") return Number(text);
  return text;
}

/** The body that a form begins with: the document's example, else the smallest that fits. Secrets of examples are left out. */
export function firstBody(doc: OpenApi, body: { schema: Node["schema"] | { $ref: string }; examples: { value: unknown }[]; required: boolean } | null): string {
  if (body === null || (!body.required && body.examples.length === 0)) return "";
  const example = body.examples[0]?.value ?? sample(readSchema(doc, body.schema));
  return JSON.stringify(example, (key, v: unknown) => (isSecret(key) && typeof v === "string" ? "" : v), 2);
}

/** What a parameter begins with. Only what must be there is filled: the rest is the server's default. */
export function firstValue(doc: OpenApi, f: Field): string {
  if (!f.required) return "";
  const value = f.example ?? readSchema(doc, f.schema).schema.example;
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
