import { describe, expect, it } from "vitest";
import { asObject, firstBody, firstValue, kindOf, typed, withMember } from "./form";
import { groupOf, grouped, matches } from "./groups";
import { follow, readOperations, type Op } from "./read";
import { changes, isForbiddenHeader, missing, parseBody, target } from "./request";
import { readSchema, sample } from "./schema";
import { pythonValue, snippet, type Sent } from "./snippets";
import type { OpenApi } from "./types";

const doc: OpenApi = {
  openapi: "3.0.3",
  info: { title: "t", version: "1" },
  paths: {
    "/things/{id}": {
      get: { operationId: "getThing", tags: ["models"], summary: "One thing", "x-action": "model.view", parameters: [{ $ref: "#/components/parameters/Id" }, { name: "q", in: "query", schema: { type: "string" } }, { name: "X", in: "cookie", schema: {} }], responses: { default: { $ref: "#/components/responses/Problem" }, "200": { description: "It.", content: { "application/json": { schema: { $ref: "#/components/schemas/Tree" } } } } } },
      delete: { operationId: "dropThing", "x-action": "model.manage", responses: { "204": { description: "Gone." } } },
    },
    "/judge": {
      post: {
        operationId: "judge", tags: ["moderation"], "x-action": "moderation.run",
        requestBody: { $ref: "#/components/requestBodies/Judge" },
        responses: { "200": { description: "Stream.", content: { "text/event-stream": { schema: { type: "string" } } } } },
      },
      trace: { operationId: "never" },
      put: { summary: "without an id" },
    },
  },
  components: {
    parameters: { Id: { name: "id", in: "path", required: true, schema: { type: "string", minLength: 1 }, example: "guard-nano" } },
    responses: { Problem: { description: "Any error." }, Loop: { $ref: "#/components/responses/Loop" } },
    requestBodies: { Judge: { required: true, content: { "application/json": { schema: { $ref: "#/components/schemas/Ask" }, examples: { text: { value: { input: "hello", password: "x" } } } } } } },
    schemas: {
      Tree: { type: "object", required: ["name", "children"], properties: { name: { type: "string" }, parent: { $ref: "#/components/schemas/Tree" }, children: { type: "array", items: { $ref: "#/components/schemas/Tree" } } } },
      Ask: { type: "object", required: ["input", "n"], properties: { input: { oneOf: [{ type: "string" }, { type: "array", items: { type: "integer", minimum: 3 } }] }, n: { type: "integer", minimum: 2 }, mode: { type: "string", enum: ["", "a", "b"] }, on: { type: "boolean" }, at: { type: "string", format: "date-time" }, password: { type: "string", maxLength: 9 } } },
      Both: { allOf: [{ $ref: "#/components/schemas/Ask" }, { type: "object", required: ["more"], properties: { more: { type: "string", default: "d" } } }] },
      Twin: { type: "array", items: { type: "string", enum: ["x"] } },
    },
  },
};
const ops = readOperations(doc);
const op = (id: string): Op => ops.find((o) => o.id === id) as Op;
const schemaOf = (name: string) => readSchema(doc, { $ref: "#/components/schemas/" + name });

describe("the document", () => {
  it("answers every operation that has an id and a method of ours", () => {
    expect(ops.map((o) => `${o.method} ${o.path} ${o.id}`)).toEqual(["GET /things/{id} getThing", "DELETE /things/{id} dropThing", "POST /judge judge"]);
    expect(op("getThing").fields.map((f) => f.in + f.name)).toEqual(["pathid", "queryq"]);
    expect(op("getThing").answers.map((a) => a.status)).toEqual(["200", "default"]);
    expect(op("judge").streams).toBe(true);
    expect(op("judge").body?.examples[0]?.name).toBe("text");
  });

  it("follows no reference for ever, and none out of the document", () => {
    expect(follow(doc, { $ref: "#/components/responses/Loop" })).toBeNull();
    expect(follow(doc, { $ref: "https://example.org/x" })).toBeNull();
    expect(follow(doc, { $ref: "#/components/__proto__/constructor" })).toBeNull();
  });
});

describe("schemas", () => {
  it("ends where a schema holds itself", () => {
    const tree = schemaOf("Tree");
    expect(tree.children.map((c) => [c.name, c.type, c.again])).toEqual([["name", "string", false], ["parent", "object", true], ["children", "object[]", true]]);
    expect(sample(tree)).toEqual({ name: "", children: [] });
  });

  it("joins allOf, names variants and says what must be there", () => {
    const both = schemaOf("Both");
    expect(both.children.find((c) => c.name === "more")?.required).toBe(true);
    expect(both.children.find((c) => c.name === "input")?.type).toBe("string | integer[]");
    expect(sample(both)).toEqual({ input: "", n: 2, more: "d" });
    expect(sample(schemaOf("Twin"))).toEqual(["x"]);
    expect(sample(readSchema(doc, { $ref: "#/components/schemas/None" }))).toBeNull();
  });
});

describe("groups", () => {
  it("loses no operation, whatever its tag", () => {
    expect(grouped(ops).map((g) => [g.name, g.ops.length])).toEqual([["judge", 1], ["models", 1], ["other", 1]]);
    expect(groupOf({ tag: "constructor" })).toBe("other");
  });
  it("finds by every word, in whatever it is called", () => {
    expect(matches(op("getThing"), "单个模型", "模型 GET")).toBe(true);
    expect(matches(op("getThing"), "", "things delete")).toBe(false);
    expect(matches(op("getThing"), "", "")).toBe(true);
  });
});

describe("requests", () => {
  it("escapes what is typed and leaves out what is not", () => {
    expect(target(op("getThing"), {})).toBe("/things/{id}");
    expect(target(op("getThing"), { "path:id": "../a b?", "query:q": "x&y=" })).toBe("/things/..%2Fa%20b%3F?q=x%26y%3D");
    expect(missing(op("getThing"), { values: {}, body: "" })).toEqual(["id"]);
    expect(missing(op("judge"), { values: {}, body: " " })).toEqual(["body"]);
  });
  it("asks before everything that changes something", () => {
    expect([op("dropThing"), op("judge"), op("getThing")].map(changes)).toEqual([true, false, false]);
    expect(changes({ method: "POST", action: "user.manage" })).toBe(true);
    expect(changes({ method: "POST", action: "public" })).toBe(true);
    expect(changes({ method: "PUT", action: "model.view" })).toBe(true);
  });
  it("knows what is JSON and which headers are the browser's", () => {
    expect(parseBody("{")).toEqual({ wrong: true });
    expect(parseBody(" ")).toEqual({ wrong: false });
    expect(parseBody("null")).toEqual({ wrong: false, value: null });
    expect(["Sec-Fetch-Site", "Cookie", "If-Match"].map(isForbiddenHeader)).toEqual([true, true, false]);
  });
});

describe("forms", () => {
  it("begins with the example, never with its secrets", () => {
    expect(JSON.parse(firstBody(doc, op("judge").body))).toEqual({ input: "hello", password: "" });
    expect(firstBody(doc, null)).toBe("");
    expect(op("getThing").fields.map((f) => firstValue(doc, f))).toEqual(["guard-nano", ""]);
  });
  it("has a field for each kind and takes away what is emptied", () => {
    const kinds = Object.fromEntries(schemaOf("Ask").children.map((c) => [c.name, kindOf(c)]));
    expect(kinds).toEqual({ input: "shape", n: "number", mode: "choice", on: "switch", at: "text", password: "secret" });
    expect(typed("number", "7", true)).toBe(7);
    expect(typed("number", "", true)).toBeUndefined();
    expect(typed("switch", "false", false)).toBe(false);
    expect(typed("text", "", true)).toBe("");
    expect(withMember('{"a":1}', "b", [2])).toBe('{\n  "a": 1,\n  "b": [\n    2\n  ]\n}');
    expect(withMember('{"a":1}', "a", undefined)).toBe("{}");
    expect(["[]", "1", "{", ""].map(asObject)).toEqual([null, null, null, {}]);
  });
});

describe("snippets", () => {
  const sent: Sent = { method: "POST", url: "https://h/x", headers: [["If-Match", '"v1"']], body: { say: "it's $HOME \"`\n", ok: true, none: null, list: [1] }, open: false, streams: false };
  it("quote whatever is sent", () => {
    expect(snippet("curl", sent)).toContain(`--data-raw '{"say":"it'\\''s $HOME \\"\`\\n","ok":true,"none":null,"list":[1]}'`);
    expect(snippet("curl", sent)).toContain("-X POST 'https://h/x'");
    expect(snippet("python", sent)).toContain('"ok": True');
    expect(snippet("python", sent)).toContain("answer = requests.post(");
    expect(snippet("javascript", sent)).toContain('method: "POST"');
    expect(pythonValue({})).toBe("{}");
  });
  it("hold a key's place and never a key, and none where none is needed", () => {
    for (const l of ["curl", "python", "javascript"] as const) {
      expect(snippet(l, sent)).toContain("GH_KEY");
      expect(snippet(l, { ...sent, open: true })).not.toContain("GH_KEY");
      expect(snippet(l, { ...sent, method: "GET", headers: [], body: undefined, streams: true })).not.toContain("undefined");
    }
  });
});
