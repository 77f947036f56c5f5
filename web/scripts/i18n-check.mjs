// Fails when a catalogue lacks a key of the other, when a key is used nowhere, or when source names a key that is not there.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const root = new URL("../src", import.meta.url).pathname;
const flatten = (o, prefix = "") => Object.entries(o).flatMap(([k, v]) => (typeof v === "object" ? flatten(v, prefix + k + ".") : [[prefix + k, v]]));
const load = (name) => new Map(flatten(JSON.parse(readFileSync(join(root, "i18n", name), "utf8"))));
const en = load("en.json");
const zh = load("zh-CN.json");
const files = readdirSync(root, { recursive: true }).filter((f) => /\.(ts|vue)$/.test(f) && !f.endsWith(".test.ts") && !f.endsWith("schema.d.ts"));
const source = files.map((f) => readFileSync(join(root, f), "utf8")).join("\n");
const problems = [];

for (const key of en.keys()) if (!zh.has(key)) problems.push(`missing in zh-CN: ${key}`);
for (const key of zh.keys()) if (!en.has(key)) problems.push(`missing in en: ${key}`);

const slots = (text) => [...new Set(text.match(/\{[a-zA-Z]\w*\}/g) ?? [])].sort().join();
for (const [key, text] of en) if (zh.has(key) && slots(text.split("|").at(-1)) !== slots(zh.get(key).split("|").at(-1))) problems.push(`placeholders differ: ${key}`);
for (const [key, text] of zh) if (/[一-鿿][A-Za-z0-9]|[A-Za-z0-9][一-鿿]/.test(text.replace(/\{[^}]*\}/g, ""))) problems.push(`zh-CN needs a space between Chinese and Latin: ${key}`);

// Whole keys stand in the source as strings; computed ones as a prefix that ends in a dot, or as a template.
const literals = new Set([...source.matchAll(/(?<!=)["'`]([a-zA-Z][\w-]*(?:\.[\w-]+)+)["'`]/g)].map((m) => m[1]));
const prefixes = [...source.matchAll(/["'`]([a-zA-Z][\w-]*(?:\.[\w-]+)*\.)(?:["'`]|\$\{)/g)].map((m) => m[1]);
const helper = ["reason", "sentence.allow", "sentence.deny", "sentence.error"].map((p) => p + ".");
const top = new Set([...en.keys()].map((k) => k.split(".")[0]));

for (const key of en.keys()) {
  const used = literals.has(key) || [...prefixes, ...helper].some((p) => key.startsWith(p)) || [...literals].some((l) => key.startsWith(l + "."));
  if (!used) problems.push(`unused: ${key}`);
}
for (const key of literals) {
  if (!top.has(key.split(".")[0]) || /\.(ts|vue|css|svg|json|mjs)$/.test(key)) continue;
  const known = en.has(key) || [...en.keys()].some((k) => k.startsWith(key + "."));
  const isAction = /^(moderation|audit|model|auth|user|key|session|acl)\.[a-z_]+$/.test(key) && !en.has(key);
  if (!known && !isAction) problems.push(`used but not in the catalogues: ${key}`);
}

// A sentence in a template that is no key: words outside {{ }} between tags.
for (const f of files.filter((f) => f.endsWith(".vue"))) {
  const text = readFileSync(join(root, f), "utf8");
  const template = text.slice(text.indexOf("<template>"), text.lastIndexOf("</template>")).replace(/<!--[\s\S]*?-->/g, "");
  for (const m of template.matchAll(/>([^<>{}]+)</g)) if (/[A-Za-z一-鿿]{2,}/.test(m[1]) && !/^\s*(K|JSON|sha256)\s*$/.test(m[1])) problems.push(`text outside the catalogues in ${f}: ${m[1].trim()}`);
}

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${en.size} texts in two languages, none missing, none unused`);
