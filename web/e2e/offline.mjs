// Verifies an export where there is nothing but the export, the public keys, and a program: the product's own, or the page of Python.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../../docs/verify.py", import.meta.url));
const folders = [];
process.on("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

export function emptyFolder() {
  folders.push(mkdtempSync(join(tmpdir(), "guardhouse-e2e-offline-")));
  return folders.at(-1);
}

/** Keeps what was downloaded, or a text, under a name in the folder; answers its path. */
export async function put(folder, name, what) {
  const path = join(folder, name);
  if (typeof what === "string") writeFileSync(path, what);
  else await what.saveAs(path);
  return path;
}

/** Runs a program in a folder that holds copies of the two files and nothing else, before and after. */
function run(command, args, file, keys) {
  const cwd = emptyFolder();
  cpSync(file, join(cwd, basename(file)));
  cpSync(keys, join(cwd, "public-keys"));
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: { PATH: process.env.PATH, HOME: cwd }, encoding: "utf8", timeout: 60_000 });
  assert.deepEqual(readdirSync(cwd).sort(), [basename(file), "public-keys"].sort(), "nothing is written");
  return { status, said: stdout + stderr };
}

const product = (file, keys, what = "--export") => run(resolve(process.env.GUARDHOUSE_BIN), ["audit", "verify", what, basename(file), "--public-key", "public-keys"], file, keys);
const python = (file, keys) => run("python3", [script, basename(file), "public-keys"], file, keys);

function good({ status, said }, name) {
  assert.equal(status, 0, `${name}: ${said}`);
}

const has = (file, events) => events.forEach(({ id }) => assert.ok(readFileSync(file, "utf8").includes(id), `${basename(file)} has ${id}`));
const lineOf = (file, id) => readFileSync(file, "utf8").split("\n").findIndex((line) => line.includes(`"id":"${id}"`)) + 1;

/** JSON lines: both programs find nothing wrong in a file that holds these rows, or both name the row that was edited. */
export async function checkBoth(file, keys, { holds = [], edited = null }) {
  has(file, holds);
  const [own, other] = [product(file, keys), python(file, keys)];
  if (edited === null) {
    good(own, "guardhouse audit verify");
    good(other, "verify.py");
    assert.match(other.said, /nothing is wrong/);
    return;
  }
  assert.equal(own.status, 1, own.said);
  assert.match(own.said, new RegExp(`edited at row ${edited.seq}\\b`));
  assert.equal(other.status, 1, other.said);
  assert.match(other.said, new RegExp(`edited: line ${lineOf(file, edited.id)} `));
}

/** A table: the product checks its bytes against the signed manifest. */
export async function checkTable(file, keys, { holds = [], edited = null }) {
  has(file, holds);
  const own = product(file, keys);
  if (edited === null) return good(own, "guardhouse audit verify of a table");
  assert.equal(own.status, 1, own.said);
  assert.match(own.said, /edited/);
}

/** An evidence pack: both programs find nothing wrong in it, and both see that a byte in its middle is another. */
export function checkPack(file, keys) {
  good(product(file, keys, "--evidence"), "guardhouse audit verify of a pack");
  good(python(file, keys), "verify.py of a pack");
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] ^= 1;
  const changed = file.replace(/(\.\w+)$/, ".changed$1");
  writeFileSync(changed, bytes);
  for (const { status, said } of [product(changed, keys, "--evidence"), python(changed, keys)]) {
    assert.equal(status, 1, said);
    assert.match(said, /edited|was changed/);
  }
}

/** A copy in which one byte of a row is another: the last letter of its decision. */
export async function changeByte(file, { id }) {
  const bytes = readFileSync(file);
  const row = bytes.indexOf(id);
  const line = bytes.lastIndexOf("\n", row) + 1;
  const at = bytes.indexOf("deny", line) + 3;
  assert.ok(row > 0 && at > line && at < bytes.indexOf("\n", row), "the row says that it was denied");
  bytes[at] = "z".charCodeAt(0);
  const path = file.replace(/(\.\w+)$/, ".changed$1");
  writeFileSync(path, bytes);
  return path;
}
