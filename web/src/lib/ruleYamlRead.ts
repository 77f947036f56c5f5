import type { RuleText } from "./rules";

/** Why a text is no policy: the key of a text under rules.yaml.problem, and the line. */
export class YamlProblem extends Error {
  constructor(
    readonly code: "indent" | "value" | "quote" | "key" | "twice" | "shape" | "field" | "missing" | "tab",
    readonly line: number,
    readonly what = "",
  ) {
    super(code);
  }
}
interface Line {
  n: number;
  indent: number;
  text: string;
}
export type Value = string | Value[] | Map<string, Value>;

/** The text of a line without its comment; quotes hide a '#'. */
function bare(text: string): string {
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (quote === '"' && c === "\\") i++;
    else if (quote) quote = c === quote ? "" : quote;
    else if ((c === '"' || c === "'") && /^$|[\s,[{:-]/.test(text.charAt(i - 1))) quote = c;
    else if (c === "#" && (i === 0 || /\s/.test(text.charAt(i - 1)))) return text.slice(0, i);
  }
  return text;
}
/** Lines that say something; a bracket that stays open takes the lines after it along. */
function linesOf(source: string): Line[] {
  const out: Line[] = [];
  let open = 0;
  let ended = false; // by the line that ends an export
  source.split(/\r?\n/).forEach((raw, i) => {
    const text = bare(raw).trimEnd();
    if (ended && text.trim() !== "") throw new YamlProblem("shape", i + 1, text.trim());
    ended ||= text === "...";
    if (ended || text.trim() === "" || (out.length === 0 && text === "---")) return;
    if (/^ *\t/.test(text)) throw new YamlProblem("tab", i + 1);
    const last = out.at(-1);
    if (open > 0 && last) last.text += " " + text.trim();
    else out.push({ n: i + 1, indent: text.length - text.trimStart().length, text: text.trim() });
    const plain = text.replace(/"(?:\\.|[^"\\])*"|'(?:''|[^'])*'/g, "");
    open = Math.max(0, open + (plain.match(/[[{]/g)?.length ?? 0) - (plain.match(/[\]}]/g)?.length ?? 0));
  });
  return out;
}

/** Reads values in one line: texts, quoted or plain, and lists and members in brackets. */
class Inline {
  private at = 0;
  constructor(private readonly text: string, private readonly line: number) {}

  whole(): Value {
    const v = this.value("");
    this.space();
    if (this.at < this.text.length) throw new YamlProblem("value", this.line, this.text.slice(this.at));
    return v;
  }
  private space(): void {
    while (this.text.charAt(this.at) === " ") this.at++;
  }
  private value(stops: string): Value {
    this.space();
    const c = this.text.charAt(this.at);
    if (c === "[") return this.list();
    if (c === "{") return this.members();
    return this.scalar(stops);
  }
  private scalar(stops: string): string {
    this.space();
    const rest = this.text.slice(this.at);
    const quoted = /^"(?:\\.|[^"\\])*"|^'(?:''|[^'])*'/.exec(rest)?.[0];
    if (quoted !== undefined) {
      this.at += quoted.length;
      return quoted.startsWith("'") ? quoted.slice(1, -1).replaceAll("''", "'") : this.unescaped(quoted);
    }
    if (/^["'&*!|>%@`]/.test(rest) && rest !== "*") throw new YamlProblem(/^["']/.test(rest) ? "quote" : "value", this.line, rest);
    const end = stops === "" ? rest.length : [...rest].findIndex((ch, i) => stops.includes(ch) && (ch !== ":" || /^(?:\s|$)/.test(rest.slice(i + 1))));
    const word = (end < 0 ? rest : rest.slice(0, end)).trimEnd();
    if (stops === "" && /:(?:\s|$)/.test(word)) throw new YamlProblem("value", this.line, word);
    this.at += word.length;
    return word;
  }
  private unescaped(quoted: string): string {
    try {
      return JSON.parse(quoted) as string;
    } catch {
      throw new YamlProblem("quote", this.line, quoted);
    }
  }
  private list(): Value[] {
    const out: Value[] = [];
    for (this.at++; ; this.at++) {
      this.space();
      if (this.text.charAt(this.at) === "]") break;
      out.push(this.value(",]"));
      this.space();
      if (!",]".includes(this.text.charAt(this.at)) || this.at >= this.text.length) throw new YamlProblem("value", this.line, this.text);
      if (this.text.charAt(this.at) === "]") break;
    }
    this.at++;
    return out;
  }
  private members(): Map<string, Value> {
    const out = new Map<string, Value>();
    for (this.at++; ; this.at++) {
      this.space();
      if (this.text.charAt(this.at) === "}") break;
      const key = this.scalar(":");
      this.space();
      if (key === "" || this.text.charAt(this.at) !== ":") throw new YamlProblem("key", this.line, key);
      if (out.has(key)) throw new YamlProblem("twice", this.line, key);
      this.at++;
      out.set(key, this.value(",}"));
      this.space();
      if (!",}".includes(this.text.charAt(this.at)) || this.at >= this.text.length) throw new YamlProblem("value", this.line, this.text);
      if (this.text.charAt(this.at) === "}") break;
    }
    this.at++;
    return out;
  }
}

/** Where values stood, for messages. */
export interface Read {
  value: Value;
  lineOf: Map<Value, number>;
}

/** Reads the part of YAML that policy files are written in: no anchors, tags or texts over several lines. Refuses all else. */
export function readYaml(source: string): Read {
  const lines = linesOf(source);
  const lineOf = new Map<Value, number>();
  let at = 0;
  const member = /^("(?:\\.|[^"\\])*"|'(?:''|[^'])*'|[^\s"'[\]{}#&*!|>%@`,][^:]*?)\s*:(?:\s+(.*))?$/;

  function block(indent: number): Value {
    const first = lines[at];
    if (!first) return "";
    const v: Value = /^-(?:\s|$)/.test(first.text) ? items(indent) : map(indent);
    lineOf.set(v, first.n);
    return v;
  }
  function nested(text: string | undefined, line: Line, deeper: number): Value {
    if (text) {
      const v = new Inline(text, line.n).whole();
      if (typeof v !== "string") lineOf.set(v, line.n);
      return v;
    }
    const next = lines[at];
    const isList = next && /^-(?:\s|$)/.test(next.text);
    return next && (next.indent > deeper || (isList && next.indent === deeper)) ? block(next.indent) : "";
  }
  function items(indent: number): Value[] {
    const out: Value[] = [];
    for (let l = lines[at]; l && l.indent === indent && /^-(?:\s|$)/.test(l.text); l = lines[at]) {
      const rest = l.text.slice(1).trimStart();
      if (member.test(rest) && !/^[[{]/.test(rest)) {
        // "- key: value" opens a block of members at the place of the key
        lines[at] = { n: l.n, indent: indent + l.text.length - rest.length, text: rest };
        out.push(block(indent + l.text.length - rest.length));
      } else {
        at++;
        out.push(nested(rest, l, indent));
      }
    }
    return out;
  }
  function map(indent: number): Map<string, Value> {
    const out = new Map<string, Value>();
    for (let l = lines[at]; l && l.indent === indent; l = lines[at]) {
      const m = member.exec(l.text);
      if (!m) throw new YamlProblem("key", l.n, l.text);
      const key = new Inline(m[1] ?? "", l.n).whole() as string;
      if (out.has(key)) throw new YamlProblem("twice", l.n, key);
      at++;
      const v = nested(m[2], l, indent);
      if (typeof v !== "string" && !lineOf.has(v)) lineOf.set(v, l.n);
      out.set(key, v);
    }
    return out;
  }
  const value = block(lines[0]?.indent ?? 0);
  const left = lines[at];
  if (left) throw new YamlProblem("indent", left.n, left.text);
  return { value, lineOf };
}

const texts = ["id", "effect", "mode", "note", "owner"];
const lists = ["principals", "models", "operations"];
const conditions = ["ip_ranges", "rate_limit", "valid_from", "valid_until", "hours", "purpose"];

/** The rules of a policy file; `default` is the server's to judge and is left out. Refuses what is no such file. */
export function readRules(source: string): RuleText[] {
  const { value, lineOf } = readYaml(source);
  if (!(value instanceof Map)) throw new YamlProblem("shape", 1);
  for (const key of value.keys()) if (!["version", "default", "rules"].includes(key)) throw new YamlProblem("field", lineOf.get(value) ?? 1, key);
  if (value.get("version") !== "1") throw new YamlProblem("missing", 1, "version: 1");
  const rules = value.get("rules");
  if (!Array.isArray(rules)) throw new YamlProblem("missing", 1, "rules");

  const strings = (v: Value, line: number, key: string): string[] => {
    if (!Array.isArray(v) || v.some((x) => typeof x !== "string")) throw new YamlProblem("shape", line, key);
    return v as string[];
  };
  const string = (v: Value, line: number, key: string): string => {
    if (typeof v !== "string") throw new YamlProblem("shape", line, key);
    return v;
  };
  return rules.map((r) => {
    const line = lineOf.get(r) ?? 1;
    if (!(r instanceof Map)) throw new YamlProblem("shape", line);
    const out: Record<string, unknown> = {};
    for (const [key, v] of r) {
      const there = typeof v === "string" ? line : (lineOf.get(v) ?? line);
      if (texts.includes(key)) out[key] = string(v, there, key);
      else if (lists.includes(key)) out[key] = strings(v, there, key);
      else if (key === "conditions" && v instanceof Map) {
        for (const c of v.keys()) if (!conditions.includes(c)) throw new YamlProblem("field", there, c);
        out.conditions = Object.fromEntries([...v].map(([c, x]) => [c, c === "ip_ranges" ? strings(x, there, c) : string(x, there, c)]));
      } else if (!(key === "conditions" && v === "")) throw new YamlProblem("field", there, key);
    }
    for (const key of ["id", "effect", "principals", "models", "operations"]) if (out[key] === undefined || out[key] === "") throw new YamlProblem("missing", line, key);
    if (out.effect !== "allow" && out.effect !== "deny") throw new YamlProblem("shape", line, "effect");
    return out as unknown as RuleText;
  });
}
