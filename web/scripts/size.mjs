// First load, gzip, script and style, for each page and for each group of the navigation: what the index names, the page's chunk,
// one language, all that these import, and the chunks that a page loads by itself once it is there. The frame's own later parts (palette, list of
// keys) come when somebody asks for them and are not counted. A group is all its pages: who works there visits them all.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const limit = 300 * 1000;
const here = (path) => new URL("../" + path, import.meta.url).pathname;
const dist = process.argv[2] ?? here("dist");
const read = (name) => readFileSync(join(dist, name), "utf8");
const sizes = new Map();
const size = (name) => sizes.get(name) ?? sizes.set(name, gzipSync(readFileSync(join(dist, name)), { level: 9 }).length).get(name);
const sum = (names) => [...names].reduce((n, name) => n + size(name), 0);

/** What a chunk imports at once. */
const imports = (name) => [...read(name).matchAll(/(?:import|from)\s*["'`]\.\/([^"'`]+\.js)["'`]/g)].map((m) => "assets/" + m[1]);

/** What a chunk imports later: each chunk with the styles and scripts that are loaded beside it. */
function later(name) {
  const text = read(name);
  const table = /m\.f=\[([^\]]*)\]/.exec(text)?.[1]?.match(/assets\/[\w.-]+/g) ?? [];
  return [...text.matchAll(/import\(\s*["'`]\.\/([^"'`]+\.js)["'`]\s*\)(?:,\s*__vite__mapDeps\(\[([\d,]*)\]\))?/g)].map((m) => ["assets/" + m[1], ...(m[2] ? m[2].split(",").map((i) => table[Number(i)]) : [])]);
}

function closure(names, lazily) {
  const all = new Set();
  const visit = (name) => {
    if (all.has(name)) return;
    all.add(name);
    if (!name.endsWith(".js")) return;
    imports(name).forEach(visit);
    if (lazily(name)) later(name).flat().forEach(visit);
  };
  names.forEach(visit);
  return all;
}

const entry = [...read("index.html").matchAll(/(?:src|href)="\/ui\/([^"]+\.(?:js|css))"/g)].map((m) => m[1]);
const frame = closure(entry, () => false);
// One language comes before anything is drawn; the larger one counts. The other follows when all is quiet.
const languages = [...frame].filter((f) => f.endsWith(".js")).flatMap(later).map((files) => files[0]).filter((f) => /^assets\/(en|zh-CN)-/.test(f));
if (languages.length !== 2) throw new Error("the languages are not in chunks of their own");
const base = new Set([...frame, languages.sort((a, b) => size(b) - size(a))[0]]);
const routes = new Map([...base].filter((f) => f.endsWith(".js")).flatMap(later).flatMap((files) => {
  const view = /^assets\/(\w+View)-/.exec(files[0])?.[1];
  return view ? [[view, files]] : [];
}));

// Which group a page belongs to stands in the source: its route names the page, the page its group.
const groups = new Map([...readFileSync(here("src/pages.ts"), "utf8").matchAll(/name: "([\w-]+)", group: "(\w+)"/g)].map((m) => [m[1], m[2]]));
const pages = [...readFileSync(here("src/router.ts"), "utf8").matchAll(/\b(at|gate)\("[^"]+", "([\w-]+)".*?@\/views\/(\w+)\.vue"\)(?:, "([\w-]+)")?/g)].map((m) => ({ view: m[3], group: m[1] === "gate" ? "gate" : (groups.get(m[4] ?? m[2]) ?? "other") }));
if (pages.length < 6 || pages.some((p) => !routes.has(p.view))) throw new Error("the pages are not in chunks of their own: " + pages.filter((p) => !routes.has(p.view)).map((p) => p.view).join(", "));

let over = false;
const show = (bytes, name) => console.log(`${(bytes / 1000).toFixed(1).padStart(7)} kB  ${name}`);
show(sum(base), "every page");
for (const group of new Set(pages.map((p) => p.group))) {
  const whole = new Set(base);
  const lines = [];
  for (const view of new Set(pages.filter((p) => p.group === group).map((p) => p.view))) {
    const files = new Set([...base, ...closure(routes.get(view), (name) => !base.has(name))]);
    files.forEach((f) => whole.add(f));
    lines.push([sum(files), "  " + view]);
  }
  over ||= sum(whole) >= limit;
  show(sum(whole), `group ${group}, all its pages`);
  lines.sort((a, b) => b[0] - a[0]).forEach((l) => show(...l));
}
if (over) {
  console.error(`over ${limit / 1000} kB gzip`);
  process.exit(1);
}
