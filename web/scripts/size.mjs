// First load per page, gzip, script and style: what the index names, plus the page's own chunk and all it imports statically.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const limit = 300 * 1000;
const dist = new URL("../dist", import.meta.url).pathname;
const assets = join(dist, "assets");
const size = (name) => gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;
const html = readFileSync(join(dist, "index.html"), "utf8");
const entry = [...html.matchAll(/(?:src|href)="\/ui\/([^"]+\.(?:js|css))"/g)].map((m) => m[1]);

const imports = (name) => {
  const text = readFileSync(join(dist, name), "utf8");
  return [...text.matchAll(/(?:import|from)\s*["']\.\/([^"']+\.js)["']/g)].map((m) => "assets/" + m[1]);
};
const closure = (names) => {
  const all = new Set();
  const visit = (n) => {
    if (all.has(n)) return;
    all.add(n);
    if (n.endsWith(".js")) imports(n).forEach(visit);
  };
  names.forEach(visit);
  return all;
};

let failed = false;
const views = readdirSync(assets).filter((f) => /View-[\w-]+\.js$/.test(f));
if (views.length < 6) throw new Error("the pages are not in chunks of their own");
for (const view of views) {
  const name = view.replace(/-[\w-]{8}\.js$/, "");
  const css = readdirSync(assets).filter((f) => f.startsWith(name + "-") && f.endsWith(".css")).map((f) => "assets/" + f);
  const files = closure([...entry, "assets/" + view, ...css]);
  const total = [...files].reduce((n, f) => n + size(f), 0);
  failed ||= total >= limit;
  console.log(`${(total / 1000).toFixed(1).padStart(7)} kB  ${name}  (${files.size} files)`);
}
if (failed) {
  console.error(`over ${limit / 1000} kB gzip`);
  process.exit(1);
}
