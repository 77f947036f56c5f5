import { h, nextTick, reactive } from "vue";
import { describe, expect, it } from "vitest";
import type { OverviewNeed } from "@/api/types";
import { mountFor } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import NeedList from "./NeedList.vue";

const need = (code: string, severity: OverviewNeed["severity"] = "note", params: Record<string, string | number> = {}): OverviewNeed => ({
  code, severity, params, since: null, to: { page: "nowhere", id: null, query: {} },
});

describe("NeedList", () => {
  it("tells each need in words, the gravest with its word for who cannot see colours", async () => {
    const { host, done } = await mountFor(NeedList, { needs: [need("disk_full", "urgent", { percent: 1, bytes: 1 << 20 }), need("last_admin", "note", { name: "m.chen" })] });
    const rows = [...host.querySelectorAll("li")].map((li) => li.textContent?.replace(/\s+/g, " ") ?? "");
    expect(rows).toHaveLength(2);
    expect(rows[0]).toContain("Urgent: The disk is nearly full");
    expect(rows[0]).toContain("1 MB is left, 1 %");
    expect(rows[1]).toContain("m.chen is the only administrator");
    expect(host.querySelector("a")).toBeNull(); // a page that is not there has no button
    done();
  });
  it("speaks the other language", async () => {
    const { host, done } = await mountFor(NeedList, { needs: [need("keys_unused", "note", { count: 2, label: "old", days: 31, at: "2026-10-21T12:00:00Z" })] }, { language: "zh-CN" });
    expect(host.textContent).toContain("有 2 个密钥超过 30 天未使用");
    done();
  });
  it("keeps a need that is met in its place, marked, and lets a new one wait", async () => {
    const props = reactive({ needs: [need("last_admin"), need("backup_none", "note", { days: 4 })] });
    const { host, done } = await mountFor(NeedList, props as unknown as Record<string, unknown>);
    props.needs = [need("backup_none", "note", { days: 4 }), need("model_failed", "soon", { model: "guard-nano", reason: "no_memory" })];
    await nextTick();
    await nextTick();
    const rows = host.querySelectorAll("li");
    expect(rows).toHaveLength(2);
    expect(rows[0]?.className).toContain("met");
    expect(rows[0]?.textContent).toContain("settled");
    host.querySelector<HTMLButtonElement>("[data-test=needs-fresh]")?.click();
    await nextTick();
    expect([...host.querySelectorAll("li")].map((li) => li.dataset.test)).toEqual(["need-backup_none", "need-model_failed"]);
    expect(host.textContent).toContain("there is not enough memory");
    done();
  });
  it("names the key that leaked, says trouble of the anchor by its code, and leads to the page of proofs", async () => {
    const proof = { page: "proof", id: null, query: {} };
    const needs = [need("key_leaked", "urgent", { key: "key_1", prefix: "gh_4fa2", label: "ward 4", owner: "rita" }), { ...need("anchor_failing", "soon", { problem: "The folder of audit.anchor is not there.", why: "folder_missing" }), to: proof }];
    const setup = () => ((useSession().actions = ["audit.read"]), () => h(NeedList, { needs }));
    const { host, done } = await mountFor({ setup }, {}, { language: "zh-CN", routes: ["proof"] });
    expect(host.textContent).toContain("有人出示了已吊销的密钥：rita 的密钥 ward 4（gh_4fa2…）");
    expect(host.textContent).toContain("锚点目录（audit.anchor）不存在。");
    expect(host.textContent).not.toContain("The folder");
    expect(host.querySelector("a")?.getAttribute("href")).toBe("/proof");
    done();
  });
});
