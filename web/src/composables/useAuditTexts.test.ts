import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { createApp, defineComponent } from "vue";
import { makeI18n } from "@/i18n";
import type { AuditEvent } from "@/api/types";
import { useAuditTexts } from "./useAuditTexts";

const event: AuditEvent = {
  v: 1, id: "evt_1", seq: 1, at: "2026-11-21T09:00:00.000Z", actor: { type: "user", id: "usr_1", name: "alice" }, key_id: "", roles: ["admin"], groups: [], purpose: "", operation: "", ip: "", user_agent: "",
  action: "user.manage", resource: "user:usr_2", model: "", model_sha256: "", decision: "allow", reason: "", rule_id: "", policy_version: 1, request_id: "", content_hash: "", duration_ms: 1, details: {}, prev_hash: "", hash: "",
};

function texts(locale: "en" | "zh-CN"): ReturnType<typeof useAuditTexts> {
  const found: ReturnType<typeof useAuditTexts>[] = [];
  const host = defineComponent({
    setup() {
      found.push(useAuditTexts());
      return () => null;
    },
  });
  createApp(host).use(makeI18n(locale)).mount(document.createElement("div"));
  const [first] = found;
  if (!first) throw new Error("not mounted");
  return first;
}

beforeEach(() => setActivePinia(createPinia()));

describe("sentences of administration", () => {
  it("has no blank between Chinese words, and keeps those beside names", () => {
    const nobody: AuditEvent = { ...event, action: "auth.login", resource: "", decision: "deny", actor: { type: "anonymous", id: "", name: "" } };
    expect(texts("zh-CN").sentence(nobody)).toBe("有人登录失败");
    expect(texts("zh-CN").sentence({ ...nobody, actor: { type: "user", id: "usr_1", name: "rita" } })).toBe("rita 登录失败");
  });

  it("names no model where there was none", () => {
    const refused: AuditEvent = { ...event, action: "moderation.run", resource: "", decision: "deny" };
    expect(texts("en").sentence(refused)).toBe("alice was not allowed to have a text judged");
    expect(texts("en").sentence({ ...refused, model: "guard-nano" })).toContain("guard-nano");
  });

  it.each([
    [{ details: { change: "create" } }, "alice made a user", "alice 新建了用户"],
    [{ details: { change: "role" } }, "alice gave a user another role", "alice 更换了一名用户的角色"],
    [{ details: { change: "role+status" } }, "alice changed a user", "alice 变更了用户"],
    [{ resource: "role:triage", details: { change: "role" } }, "alice changed what the role triage may do", "alice 修改了角色 triage 的权限"],
    [{ resource: "role:triage", details: { change: "delete" } }, "alice deleted the role triage", "alice 删除了角色 triage"],
    [{ action: "session.own", resource: "user:usr_1", details: { change: "password" } }, "alice changed their own password", "alice 修改了自己的密码"],
    [{ action: "session.own", resource: "session:ses_1", details: { change: "session_end" } }, "alice ended one of their own sessions", "alice 结束了自己的一个会话"],
    [{ action: "key.manage", resource: "key:key_1", details: { change: "confirm" } }, "alice let a key work again", "alice 重新启用了密钥"],
    [{ action: "settings.manage", resource: "signing-key:k1", details: { change: "rotate" } }, "alice made a new signing key", "alice 更换了签名密钥"],
    [{ resource: "group:grp_1", details: { change: "group_add", name: "radiology", member: "user:usr_2" } }, "alice put usr_2 into the group radiology", "alice 将 usr_2 加入了组 radiology"],
    [{ action: "session.own", resource: "request:arq_1", model: "qwen3-vl-4b", details: { change: "request" } }, "alice asked for access to qwen3-vl-4b", "alice 申请访问 qwen3-vl-4b"],
    [{ action: "acl.manage", resource: "review:rev_1", details: { change: "decide", rule: "ward-nights" } }, "alice looked over the rule ward-nights", "alice 复查了规则 ward-nights"],
    [{ action: "key.manage", resource: "user:usr_2", details: { change: "revoke_all" } }, "alice revoked all keys of usr_2", "alice 吊销了 usr_2 的全部密钥"],
    [{ details: { change: { odd: true } } }, "alice changed a user", "alice 变更了用户"],
    [{ decision: "deny" as const, details: { change: "role" } }, "alice was not allowed to manage users", "alice 无权管理用户"],
  ])("%j", (part, english, chinese) => {
    expect(texts("en").sentence({ ...event, ...part })).toBe(english);
    expect(texts("zh-CN").sentence({ ...event, ...part })).toBe(chinese);
  });
});
