import { afterEach, describe, expect, it } from "vitest";
import type { Key } from "@/api/types";
import { mountFor, type Mounted } from "@/lib/mountFor";
import KeyTable from "./KeyTable.vue";

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  page = null;
});
const day = 86_400_000;
const inDays = (n: number) => new Date(Date.now() + n * day + 3_600_000).toISOString();
const key = (over: Partial<Key> = {}): Key => ({
  id: "key_1", label: "ward 4", prefix: "gh_ab12", user_id: "usr_1", username: "m.chen", models: ["guard-nano"], operations: ["infer"], ip_ranges: [], rate_limit: null, valid_until: inDays(90), last_used_at: null, last_used_ip: "",
  created_at: inDays(-2), revoked_at: null, suspended_at: null, rotated_to: null, expiring: false, unused: false, ...over,
});
async function show(keys: Key[], turns = true, language: "en" | "zh-CN" = "en"): Promise<string> {
  page = await mountFor(KeyTable, { keys, owners: false, manages: false, busy: "", turns: () => turns }, { language, routes: ["usage"] });
  return page.host.textContent?.replace(/\s+/g, " ") ?? "";
}
const test = (name: string) => page?.host.querySelector(`[data-test=${name}]`) ?? null;

describe("KeyTable", () => {
  it("says from where and how often a key may be used, and counts the rest of many ranges", async () => {
    expect(await show([key({ ip_ranges: ["10.20.0.0/16", "fd00::/8"], rate_limit: "60/min" })])).toContain("Only from 10.20.0.0/16 and fd00::/8. At most 60 requests a minute.");
    page?.done();
    expect(await show([key({ ip_ranges: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"], rate_limit: "10次/分钟" })], true, "zh-CN")).toContain("仅限以下来源：10.0.0.1、10.0.0.2、10.0.0.3 和另 2 项。每分钟不超过 10 次。");
    page?.done();
    await show([key()]);
    expect(test("key-limits")).toBeNull();
  });

  it("flags what ends soon and what nobody uses, unless another took its place", async () => {
    await show([key({ expiring: true, valid_until: inDays(9), unused: true })]);
    expect(test("expiring")).not.toBeNull();
    expect(test("rests")).not.toBeNull();
    page?.done();
    const text = await show([key({ expiring: true, valid_until: inDays(1), rotated_to: "key_2" })]);
    expect(test("expiring")).toBeNull();
    expect(test("rotate")).toBeNull();
    expect(text).toContain("Replaced, ends in 25 h");
  });

  it("offers to rotate only what this person may rotate and what still works", async () => {
    await show([key()], false);
    expect(test("rotate")).toBeNull();
    page?.done();
    await show([key({ revoked_at: inDays(-1) })]);
    expect(test("rotate")).toBeNull();
    page?.done();
    await show([key()]);
    expect(test("rotate")).not.toBeNull();
  });
});
