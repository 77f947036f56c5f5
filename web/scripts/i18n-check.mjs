// Fails when a catalogue lacks a key of the other, when a text is no ICU message, asks for other values or lacks a plural form
// of its language, when a key is used nowhere, or when source names a key that is not there.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { IntlMessageFormat } from "intl-messageformat";

const root = new URL("../src", import.meta.url).pathname;
const problems = [];
const flatten = (o, prefix = "") => Object.entries(o).flatMap(([k, v]) => (typeof v === "object" ? flatten(v, prefix + k + ".") : [[prefix + k, v]]));

/** Every text of a language by its key; a key in two files is a problem. */
function load(language) {
  const all = new Map();
  for (const name of readdirSync(join(root, "i18n", language)).sort()) {
    for (const [key, text] of flatten(JSON.parse(readFileSync(join(root, "i18n", language, name), "utf8")))) {
      if (all.has(key)) problems.push(`twice in ${language}: ${key}, once more in ${name}`);
      all.set(key, text);
    }
  }
  return all;
}
const en = load("en");
const zh = load("zh-CN");
const areas = (language) => readdirSync(join(root, "i18n", language)).sort().join();
if (areas("en") !== areas("zh-CN")) problems.push(`the areas differ: ${areas("en")} and ${areas("zh-CN")}`);
const files = readdirSync(root, { recursive: true }).filter((f) => /\.(ts|vue)$/.test(f) && !f.endsWith(".test.ts") && !f.endsWith("schema.d.ts"));
const source = files.map((f) => readFileSync(join(root, f), "utf8")).join("\n");

for (const key of en.keys()) if (!zh.has(key)) problems.push(`missing in zh-CN: ${key}`);
for (const key of zh.keys()) if (!en.has(key)) problems.push(`missing in en: ${key}`);

// ---- ICU: argument names agree; a plural has the forms of its language, and no form that the language never takes
const literal = 0, number = 2, select = 5, plural = 6;
function walk(parts, see) {
  for (const part of parts) {
    if (part.type !== literal) see(part);
    for (const option of Object.values(part.options ?? {})) walk(option.value, see);
  }
}
/** The values that a text asks for; what is no number in one language may not be counted in the other. */
function asked(language, key, text) {
  const names = new Map();
  let parts = [];
  try {
    parts = new IntlMessageFormat(text, language, undefined, { ignoreTag: true }).getAst();
  } catch (wrong) {
    problems.push(`no ICU message in ${language}: ${key}: ${wrong.message}`);
  }
  walk(parts, (part) => {
    if (part.type === 7) return; // the # of a plural
    names.set(part.value, names.get(part.value) === "number" || part.type === plural || part.type === number ? "number" : part.type === select ? "select" : "text");
    if (part.type === plural) forms(language, key, part);
  });
  return [...names].sort().map(([name, kind]) => `${name}: ${kind}`).join(", ");
}
function forms(language, key, part) {
  const wanted = new Intl.PluralRules(language, { type: part.pluralType }).resolvedOptions().pluralCategories;
  const has = Object.keys(part.options).filter((o) => !o.startsWith("="));
  for (const c of wanted) if (!has.includes(c)) problems.push(`plural without "${c}" in ${language}: ${key}`);
  for (const c of has) if (!wanted.includes(c)) problems.push(`plural "${c}" does not exist in ${language}: ${key}`);
}
for (const [key, text] of en) {
  const own = asked("en", key, text);
  if (!zh.has(key)) continue;
  const other = asked("zh-CN", key, zh.get(key));
  if (own !== other) problems.push(`values differ: ${key}: en (${own}), zh-CN (${other})`);
}
for (const [key, text] of [...en, ...zh]) if (/ \| /.test(text) || /\{'/.test(text)) problems.push(`not ICU, the old plural or escape: ${key}`);
for (const m of source.matchAll(/\bt\((?:"[\w.]+"|'[\w.]+'), (?:\{[^{}]*\}, [^{}"'()]+|\d+)\)/g)) problems.push(`counts are values, not a further argument: ${m[0]}`);
for (const [key, text] of zh) if (/[一-鿿][A-Za-z0-9]|[A-Za-z0-9][一-鿿]/.test(text.replace(/\{\w+, plural,|\{\w+(, number)?\}/g, "").replace(/(?:=\d|other) \{/g, ""))) problems.push(`zh-CN needs a space between Chinese and Latin: ${key}`);
for (const [key, text] of [...en, ...zh]) if (/'/.test(text)) problems.push(`a straight apostrophe quotes in ICU; write ’: ${key}`);

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
  const isAction = /^(moderation|audit|model|auth|user|key|session|acl|settings|metrics|example|role|group)\.[a-z_]+$/.test(key) && !en.has(key);
  if (!known && !isAction) problems.push(`used but not in the catalogues: ${key}`);
}

// A sentence in a template that is no key: words outside {{ }} between tags.
for (const f of files.filter((f) => f.endsWith(".vue"))) {
  const text = readFileSync(join(root, f), "utf8");
  const template = text.slice(text.indexOf("<template>"), text.lastIndexOf("</template>")).replace(/<!--[\s\S]*?-->/g, "").replace(/="[^"]*"/g, "");
  for (const m of template.matchAll(/>([^<>{}]+)</g)) if (/[A-Za-z一-鿿]{2,}/.test(m[1]) && !/^\s*(Esc|JSON|sha256|openapi\.json)\s*$/.test(m[1])) problems.push(`text outside the catalogues in ${f}: ${m[1].trim()}`);
}

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${en.size} texts in two languages, none missing, none unused`);
