import type { Media, OpenApi, Operation, Parameter, Ref, Response, Schema } from "./types";

export const methods = ["get", "post", "put", "patch", "delete"] as const;

export interface Field {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  description: string;
  schema: Schema | Ref;
  example?: unknown;
}
export interface Body {
  required: boolean;
  type: string;
  schema: Schema | Ref;
  examples: { name: string; value: unknown }[];
}
export interface Answer {
  status: string;
  description: string;
  headers: string[];
  type: string;
  schema: Schema | Ref | null;
  example?: unknown;
}
/** One operation with every reference but those of its schemas followed. */
export interface Op {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  description: string;
  action: string;
  fields: Field[];
  body: Body | null;
  answers: Answer[];
  streams: boolean;
}

/** Answers what a reference into the document points to, or null where that is nothing. */
export function follow<T>(doc: OpenApi, value: T | Ref | undefined): T | null {
  let at: unknown = value;
  for (let hops = 0; hops < 20; hops++) {
    if (typeof at !== "object" || at === null) return null;
    const ref = (at as Ref).$ref;
    if (ref === undefined) return at as T;
    at = ref.startsWith("#/") ? ref.slice(2).split("/").reduce<unknown>((o, key) => own(o, key.replaceAll("~1", "/").replaceAll("~0", "~")), doc) : null;
  }
  return null;
}

function own(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : null;
}

/** Every operation of the document, in its order. One without an id is left out: nothing could lead to it. */
export function readOperations(doc: OpenApi): Op[] {
  const out: Op[] = [];
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const method of methods) {
      const op = item[method];
      if (op?.operationId) out.push(readOperation(doc, method, path, op));
    }
  }
  return out;
}

function readOperation(doc: OpenApi, method: string, path: string, op: Operation): Op {
  const answers = Object.entries(op.responses ?? {}).map(([status, r]) => readAnswer(status, follow<Response>(doc, r)));
  return {
    id: op.operationId ?? "",
    method: method.toUpperCase(),
    path,
    tag: op.tags?.[0] ?? "",
    summary: op.summary ?? "",
    description: op.description ?? "",
    action: op["x-action"] ?? "",
    fields: (op.parameters ?? []).flatMap((p) => readField(follow<Parameter>(doc, p))),
    body: readBody(doc, op),
    answers: answers.sort((a, b) => Number(a.status === "default") - Number(b.status === "default") || a.status.localeCompare(b.status)),
    streams: answers.some((a) => a.type === "text/event-stream"),
  };
}

function readField(p: Parameter | null): Field[] {
  if (p === null || (p.in !== "path" && p.in !== "query" && p.in !== "header")) return [];
  return [{ name: p.name, in: p.in, required: p.required ?? false, description: p.description ?? "", schema: p.schema ?? {}, example: p.example }];
}

function readBody(doc: OpenApi, op: Operation): Body | null {
  const body = follow<{ required?: boolean; content?: Record<string, Media> }>(doc, op.requestBody);
  const [type, media] = Object.entries(body?.content ?? {})[0] ?? [];
  if (!body || !type || !media?.schema) return null;
  const examples = Object.entries(media.examples ?? {}).map(([name, e]) => ({ name, value: e.value }));
  if (media.example !== undefined) examples.unshift({ name: "", value: media.example });
  return { required: body.required ?? false, type, schema: media.schema, examples };
}

function readAnswer(status: string, r: Response | null): Answer {
  const [type, media] = Object.entries(r?.content ?? {})[0] ?? [];
  const example = media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
  return { status, description: r?.description ?? "", headers: Object.keys(r?.headers ?? {}), type: type ?? "", schema: media?.schema ?? null, example };
}
