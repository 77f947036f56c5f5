import { follow } from "./read";
import type { OpenApi, Ref, Schema } from "./types";

/** A place in a value, as a page shows it: what may stand there, in which bounds, and what stands in it. */
export interface Node {
  name: string;
  required: boolean;
  /** string, integer, …; array of them as `string[]`; "any" where the document does not say. */
  type: string;
  /** The name of the schema, where it has one. */
  called: string;
  schema: Schema;
  children: Node[];
  /** Several shapes, one of which it must have. */
  variants: Node[];
  /** Of a list, what stands in it. */
  item: Node | null;
  /** A schema that holds itself: it is named and not opened again. */
  again: boolean;
}

const deepest = 12;

/** Answers the tree of a schema. A schema inside itself ends there, so that every tree ends. */
export function readSchema(doc: OpenApi, schema: Schema | Ref, name = "", required = true, open: readonly string[] = []): Node {
  const ref = (schema as Ref).$ref ?? "";
  const called = ref.split("/").at(-1) ?? "";
  const s = joined(doc, schema, open);
  const node: Node = { name, required, type: s.type ?? (s.properties ? "object" : "any"), called, schema: s, children: [], variants: [], item: null, again: false };
  if ((ref !== "" && open.includes(ref)) || open.length >= deepest) return { ...node, again: true };
  const inside = [...open, ref];
  if (s.type === "array" || s.items) {
    const item = readSchema(doc, s.items ?? {}, "", true, inside);
    return { ...node, type: item.type + "[]", called: item.called || called, item, children: item.children, variants: item.variants, again: item.again, schema: { ...s, enum: s.enum ?? item.schema.enum } };
  }
  node.variants = (s.oneOf ?? s.anyOf ?? []).map((v) => readSchema(doc, v, "", true, inside));
  if (node.variants.length > 0) node.type = [...new Set(node.variants.map((v) => v.type))].join(" | ");
  node.children = Object.entries(s.properties ?? {}).map(([key, p]) => readSchema(doc, p, key, s.required?.includes(key) ?? false, inside));
  if (typeof s.additionalProperties === "object") node.children.push(readSchema(doc, s.additionalProperties, "*", false, inside));
  return node;
}

/** The schema itself, with what allOf adds to it. */
function joined(doc: OpenApi, schema: Schema | Ref, open: readonly string[]): Schema {
  const s = follow<Schema>(doc, schema) ?? {};
  if (!s.allOf || open.length >= deepest) return s;
  const parts = s.allOf.map((part) => joined(doc, part, [...open, "allOf"]));
  const all = Object.assign({}, ...parts, { ...s, allOf: undefined }) as Schema;
  all.properties = Object.assign({}, ...parts.map((p) => p.properties), s.properties) as Schema["properties"];
  all.required = [...new Set([...parts.flatMap((p) => p.required ?? []), ...(s.required ?? [])])];
  return all;
}

/** The type as people write it: by the name of its schema where that says more than "object". */
export function typeText(node: Node): string {
  if (node.item) return typeText(node.item) + "[]";
  if (node.variants.length > 0) return [...new Set(node.variants.map(typeText))].join(" | ");
  return node.type === "object" && node.called !== "" ? node.called : node.type;
}

/** What is opened beneath a node: its members, or those of the only shape that has any, with that shape's name. */
export function inside(node: Node): { called: string; nodes: Node[] } {
  const shapes = node.variants.filter((v) => v.children.length > 0);
  if (shapes.length === 1 && shapes[0]) return inside(shapes[0]);
  return shapes.length > 1 ? { called: "", nodes: shapes } : { called: node.called, nodes: node.children };
}

/** A value that fits the node: its example, its default, the first of its choices, else the smallest thing of its type. */
export function sample(node: Node): unknown {
  const s = node.schema;
  if (s.example !== undefined) return s.example;
  if (s.default !== undefined) return s.default;
  if (node.item) return node.again ? [] : [sample(node.item)];
  if (s.enum?.length) return s.enum.find((v) => v !== "") ?? s.enum[0];
  if (s.nullable) return null;
  if (node.variants[0]) return sample(node.variants[0]);
  if (node.type === "object") return members(node);
  return plain(node);
}

function members(node: Node): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const child of node.children) if (child.required && child.name !== "*") out[child.name] = sample(child);
  return out;
}

function plain(node: Node): unknown {
  const s = node.schema;
  if (node.type === "boolean") return false;
  if (node.type === "integer" || node.type === "number") return s.minimum ?? 0;
  if (s.format === "date-time") return "2026-01-31T08:00:00.000Z";
  return node.type === "string" ? "" : null;
}
