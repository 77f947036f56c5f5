import { afterEach, expect, it } from "vitest";
import type { AlertTold } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import AlertsCard from "./AlertsCard.vue";

let page: Mounted | null = null;
afterEach(() => page?.done());

const key = "key_01M7Z3FHY72821Y7W9MXRWKNTE";
const alert = (kind: string, subject = "", params: AlertTold["params"] = {}): AlertTold => ({ kind, subject, params, event_id: "evt_1", raised_at: "2026-11-22T09:00:00.000Z", cleared_at: null });
async function shown(language: "en" | "zh-CN", ...alerts: AlertTold[]): Promise<string[]> {
  page = await mountFor(AlertsCard, { alerts }, { language, routes: ["event"] });
  return [...page.host.querySelectorAll("li")].map((li) => li.querySelector(".what")?.textContent?.replace(/\s+/g, " ").trim() ?? "");
}

it("says what an alert is about, with its id beside", async () => {
  const rows = await shown("en",
    alert("key_leaked", key, { key, prefix: "gh_4fa2", label: "ward 4", owner: "rita" }),
    alert("forwarding_stuck", "fwd_01M7Z3FHY72821Y7W9MXRWKNTE", { name: "SIEM", address: "10.0.0.7:6514" }),
    alert("key_unused", "", { key, prefix: "gh_4fa2", label: "ward 4", owner: "rita", keys: 3 }),
    alert("anchor_failing", "anchor", { why: "folder_missing" }),
    alert("sign_in_burst", "", { attempts: 20, addresses: 1 }),
    alert("chain_broken", "", { finding: "edited", row: 7 }),
    alert("disk_low", "", { percent: 4, free_mib: 2048 }),
  );
  expect(rows[0]).toContain("Key ward 4 (gh_4fa2…) of rita");
  expect(rows[0]).toContain(key);
  expect(rows[1]).toContain("SIEM · 10.0.0.7:6514");
  expect(rows[2]).toContain("Key ward 4 (gh_4fa2…) of rita and 2 others");
  expect(rows[3]).toContain("The anchor folder (audit.anchor) is not there.");
  expect(rows[4]).toContain("20 tries from 1 address");
  expect(rows[5]).toContain("a row was edited · row 7");
  expect(rows[6]).toContain("free, 4");
});

it("says it in Chinese", async () => {
  const rows = await shown("zh-CN", alert("key_leaked", key, { key, prefix: "gh_4fa2", label: "ward 4", owner: "rita" }), alert("anchor_failing", "checkpoint", { why: "key" }));
  expect(rows[0]).toContain("rita 的密钥 ward 4（gh_4fa2…）");
  expect(rows[1]).toContain("无法读取或写入签名密钥");
});

it("shows the id alone where an older release told no more", async () => {
  const [row] = await shown("en", alert("key_leaked", key, { key }));
  expect(row?.split(key)).toHaveLength(2); // once
});
