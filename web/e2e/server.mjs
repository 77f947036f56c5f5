// Starts the real binary on an empty data folder, or a copy of one, and reads the set-up token from what it prints.
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { get } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const freePort = () =>
  new Promise((resolve, reject) => {
    const s = createServer();
    s.once("error", reject);
    s.listen(0, "127.0.0.1", () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });

/** Whether the server is ready: its models are loaded, and the default guard has answered its canaries. */
const ready = (port) =>
  new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/readyz", rejectUnauthorized: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).once("error", () => resolve(false));
  });

/** `from` is a data folder to start on a copy of: then there is somebody already, and no token. */
export async function startServer(binary, { from } = {}) {
  const data = mkdtempSync(join(tmpdir(), "guardhouse-e2e-data-"));
  if (from) cpSync(from, data, { recursive: true });
  const port = await freePort();
  // The binary refuses settings that it does not know, so none of ours may reach it.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GUARDHOUSE_")));
  const exports = data + "-exports"; // where schedules write, apart from the server's own files
  mkdirSync(exports, { recursive: true, mode: 0o750 });
  const settings = { GUARDHOUSE_LISTEN: `127.0.0.1:${port}`, GUARDHOUSE_AUDIT_EXPORT_DIR: exports, GUARDHOUSE_AUDIT_FORWARD_HOSTS: "127.0.0.1", GUARDHOUSE_AUDIT_CHECKPOINT_ROWS: "20" };
  const child = spawn(binary, ["serve", "--data", data], { env: { ...env, ...settings }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let exited = null;
  child.on("exit", (code, signal) => (exited = `exit ${code ?? signal}`));
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (b) => (output += b));

  const until = async (what, test, ms) => {
    const end = Date.now() + ms;
    for (;;) {
      const found = await test();
      if (found) return found;
      if (exited) throw new Error(`the server ended (${exited}) before ${what}:\n${output}`);
      if (Date.now() > end) throw new Error(`no ${what} within ${ms / 1000} s:\n${output}`);
      await new Promise((r) => setTimeout(r, 100));
    }
  };
  const stop = async ({ keep = false } = {}) => {
    if (!exited) {
      child.kill("SIGTERM");
      const end = Date.now() + 15_000;
      while (!exited && Date.now() < end) await new Promise((r) => setTimeout(r, 50));
      if (!exited) child.kill("SIGKILL");
    }
    for (const folder of keep ? [exports] : [data, exports]) rmSync(folder, { recursive: true, force: true });
    return exited;
  };
  try {
    let token = null;
    if (from) await until("readiness", () => ready(port), 120_000);
    else token = await until("set-up token", () => /with this token[\s\S]*?\n\n\s+(\S+)\s*\n/.exec(output)?.[1], 60_000);
    return { url: `https://127.0.0.1:${port}`, token, data, stop, output: () => output };
  } catch (e) {
    await stop();
    throw e;
  }
}
