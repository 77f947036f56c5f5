import { describe, expect, it } from "vitest";
import { rulesYaml } from "./ruleYaml";
import { readRules, YamlProblem } from "./ruleYamlRead";
import type { RuleText } from "./rules";

const rules: RuleText[] = [
  { id: "ward-nurses", effect: "allow", principals: ["role:nurse", "user:rita", "*"], models: ["guard-nano", "qwen3guard-*"], operations: ["view", "infer"], conditions: { ip_ranges: ["10.0.0.0/8", "fd00::/8"], rate_limit: "100req/min", valid_until: "2026-12-31T23:59:59Z", hours: "Mon-Fri 08:00-18:00 Asia/Shanghai", purpose: "required" }, mode: "enforce", note: "ward: tablets # 3, \"new\"", owner: "user:admin" },
  { id: "1", effect: "deny", principals: ["user:a, b", "group:影像科"], models: ["*"], operations: ["*"], conditions: {}, mode: "report-only", note: "- no\n'x'", owner: "" },
];

function refused(text: string): string {
  try {
    readRules(text);
    return "taken";
  } catch (e) {
    if (e instanceof YamlProblem) return `${e.code} ${e.line}${e.what ? " " + e.what : ""}`;
    throw e;
  }
}
const file = (body: string) => "version: 1\nrules:\n" + body;
const least = "  - {id: a, effect: allow, principals: [role:nurse], models: [m], operations: [view]}\n";

describe("a policy in YAML", () => {
  it("comes back as it was written", () => {
    const kept = rules.map(({ conditions, owner, ...r }) => ({ ...r, ...(Object.keys(conditions ?? {}).length > 0 ? { conditions } : {}), ...(owner ? { owner } : {}) }));
    expect(readRules(rulesYaml(rules))).toEqual(kept);
    expect(readRules(rulesYaml([]))).toEqual([]);
  });
  it("may end as an export ends, and ends there", () => {
    expect(readRules(file(least) + "...\n")).toEqual(readRules(file(least)));
    expect(readRules(file(least) + "... # the end\n\n# of the wards\n")).toHaveLength(1);
    expect(refused(file(least) + "...\n" + least)).toMatch(/^shape 5 /);
    expect(refused(file(least.replace("view]", "view\n...\n]")))).not.toBe("taken");
  });
  it("is read as the contract writes it: comments, lists in lines, members in brackets", () => {
    const text = `# ours
version: 1
default: deny                       # optional
rules:
- id: ward-nurses
  effect: allow   # allow | deny
  principals:
  - role:nurse
  - "key:01J"
  models: [guard-nano,
    "qwen3guard-*"]
  operations: ["*"]
  conditions: {ip_ranges: [10.0.0.0/8], hours: "Mon-Fri 08:00-18:00 Asia/Shanghai", valid_from: 2026-01-01T00:00:00Z}
  note: it's ward 3
`;
    expect(readRules(text)).toEqual([{ id: "ward-nurses", effect: "allow", principals: ["role:nurse", "key:01J"], models: ["guard-nano", "qwen3guard-*"], operations: ["*"], conditions: { ip_ranges: ["10.0.0.0/8"], hours: "Mon-Fri 08:00-18:00 Asia/Shanghai", valid_from: "2026-01-01T00:00:00Z" }, note: "it's ward 3" }]);
    expect(readRules(file(least))).toHaveLength(1);
  });
  it("is refused with the line where it is something else", () => {
    expect(refused("")).toBe("shape 1");
    expect(refused("version: 2\nrules: []")).toBe("missing 1 version: 1");
    expect(refused("version: 1")).toBe("missing 1 rules");
    expect(refused("version: 1\nrules: []\nextra: 1")).toBe("field 1 extra");
    expect(refused(file("  - id: a\n    id: b\n"))).toBe("twice 4 id");
    expect(refused(file("  - id: a\n    effekt: allow\n"))).toBe("field 3 effekt");
    expect(refused(file("  - id: a\n   effect: allow\n"))).toBe("indent 4 effect: allow");
    expect(refused(file("  - id: a\n\teffect: allow\n"))).toBe("tab 4");
    expect(refused(file("  - id: &x a\n"))).toBe("value 3 &x a");
    expect(refused(file("  - id: \"a\n"))).toMatch(/^quote 3/);
    expect(refused(file("  - id: a\n    principals: [role:nurse\n"))).toMatch(/^value 4/);
    expect(refused(file(least.replace("[view]", "view")))).toBe("shape 3 operations");
    expect(refused(file(least.replace("effect: allow", "effect: maybe")))).toBe("shape 3 effect");
    expect(refused(file(least.replace(", models: [m]", "")))).toBe("missing 3 models");
    expect(refused(file(least) + "  - id: b\n    note: |\n      x\n")).toMatch(/^value 5/);
  });
});
