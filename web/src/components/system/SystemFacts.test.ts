import { describe, expect, it } from "vitest";
import type { SystemReport } from "@/api/types";
import { mountFor } from "@/lib/mountFor";
import SystemFacts from "./SystemFacts.vue";

type Facts = SystemReport["facts"];
const facts = (worker: Facts["worker"]): Facts => ({
  version: "dev", commit: "unknown", go: "go1", engine: "e", data: "/srv/guardhouse", started_at: "2026-11-22T09:00:00.000Z", policy_version: 2, disk: null, certificate: null, backup_at: null, worker,
});

describe("SystemFacts", () => {
  it.each([
    ["en", null, "The server runs without a supervisor"],
    ["zh-CN", null, "未经监督进程运行"],
    ["en", { restarts: 0, ended: "", ended_at: null }, "None since the service was started"],
    ["en", { restarts: 1, ended: "signal killed", ended_at: "2026-11-22T08:30:00.000Z" }, "1 time since the service was started"],
    ["zh-CN", { restarts: 3, ended: "status 2", ended_at: "2026-11-22T08:30:00.000Z" }, "自服务启动以来 3 次"],
  ] as const)("says in %s how often the server had to be started again: %o", async (language, worker, said) => {
    const { host, done } = await mountFor(SystemFacts, { facts: facts(worker) }, { language });
    const row = host.querySelector("[data-test=restarts]");
    expect(row?.textContent).toContain(said);
    if (worker?.ended) expect(row?.textContent).toContain(worker.ended);
    expect(row?.querySelector("time") !== null).toBe(worker?.ended_at != null);
    done();
  });
});
