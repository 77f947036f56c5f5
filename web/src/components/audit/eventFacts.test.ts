import { expect, it } from "vitest";
import type { AuditEvent } from "@/api/types";
import { mountFor } from "@/lib/mountFor";
import EventFacts from "./EventFacts.vue";

const event: AuditEvent = {
  v: 1, id: "evt_1", seq: 1, at: "2026-11-21T09:00:00.000Z", actor: { type: "user", id: "usr_1", name: "alice" }, key_id: "", roles: ["admin"], groups: [], purpose: "", operation: "", ip: "", user_agent: "",
  action: "moderation.run", resource: "", model: "guard-nano", model_sha256: "", decision: "allow", reason: "", rule_id: "shipped-guard-nano", policy_version: 2, request_id: "", content_hash: "", duration_ms: 1, details: {}, prev_hash: "", hash: "",
};

it.each([["en", "version 2 shipped-guard-nano"], ["zh-CN", "第 2 版 shipped-guard-nano"]] as const)("keeps the version apart from the rule in %s", async (language, text) => {
  const page = await mountFor(EventFacts, { event }, { language, routes: ["audit"] });
  expect(page.host.textContent?.replace(/\s+/g, " ")).toContain(text);
  page.done();
});
