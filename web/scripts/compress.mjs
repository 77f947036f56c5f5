// Writes .br and .gz beside each built file: the binary embeds and serves them as they are. dist/.gitkeep comes back, too.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist", import.meta.url).pathname;
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name);
  if (!statSync(path).isFile() || !/\.(js|css|html|svg)$/.test(name)) continue;
  const body = readFileSync(path);
  if (body.length < 1024) continue;
  writeFileSync(path + ".br", brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }));
  writeFileSync(path + ".gz", gzipSync(body, { level: 9 }));
}
writeFileSync(join(dist, ".gitkeep"), "");

// The page's policy refuses inline script, inline style and data: images; a build that holds one must not ship.
const html = readFileSync(join(dist, "index.html"), "utf8");
const inline = /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=/i.exec(html);
if (inline) throw new Error("index.html holds inline code: " + inline[0]);
for (const name of readdirSync(join(dist, "assets"))) {
  if (!/\.(js|css)$/.test(name)) continue;
  const text = readFileSync(join(dist, "assets", name), "utf8");
  if (/url\(["']?data:/.test(text)) throw new Error(name + " holds a data: address, which img-src refuses");
}
