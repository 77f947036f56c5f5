import { describe, expect, it } from "vitest";
import { keyCaps, keyConflict, type KeyRow } from "./keyCatalog";
import { arrange, fit, idTargets, type Hit } from "./palette";

describe("idTargets", () => {
  it("knows ids by their beginning, and nothing that only looks like one", () => {
    expect(idTargets(" mod_1A ").map((x) => [x.action, x.to.length])).toEqual([["moderation.read", 2]]);
    expect(idTargets("req_1ABC").map((x) => x.action)).toEqual(["audit.read", "moderation.read"]);
    expect(idTargets("usr_1").map((x) => x.action)).toEqual(["user.manage"]);
    for (const odd of ["evt_1 or 1=1", "req_", "mod-1", "../evt_1"]) expect(idTargets(odd), odd).toEqual([]);
  });
});

describe("fit", () => {
  it("puts beginnings first, and wants every word", () => {
    expect(fit("aud", "Audit log")).toBeGreaterThan(fit("log", "Audit log"));
    expect(fit("log", "Audit log")).toBeGreaterThan(fit("og", "Audit log"));
    expect(fit("log audit", "Audit log")).toBeGreaterThan(0);
    expect(fit("audit x", "Audit log")).toBe(0);
    expect(fit("审计", "审计日志 Audit log")).toBeGreaterThan(0);
  });
});

describe("arrange", () => {
  it("keeps the groups in their order and the best of each first", () => {
    const hit = (id: string, group: Hit["group"]): Hit => ({ id, group, icon: "", label: id, run: () => {} });
    const lines = [{ hit: hit("page", "go"), score: 9 }, { hit: hit("deed", "do"), score: 1 }, { hit: hit("better", "do"), score: 2 }, { hit: hit("person", "people"), score: 0.5 }];
    expect(arrange(lines).map((h) => h.id)).toEqual(["person", "better", "deed", "page"]);
  });
});

describe("keys", () => {
  const row = (label: string, keys: string, scope: string): KeyRow => ({ label, keys, scope });
  const all = [row("help", "?", "all"), row("next", "j", "lists"), row("text", "t", "moderate"), row("page", "g m", "all")];
  const conflict = (of: KeyRow, keys: string) => keyConflict(of, keys, all, (r) => r.keys)?.label ?? null;

  it("may mean two things on two pages, but not one behind the other where both count", () => {
    expect(conflict(all[1] as KeyRow, "t")).toBe(null);
    expect(conflict(all[1] as KeyRow, "?")).toBe("help");
    expect(conflict(all[1] as KeyRow, "g")).toBe("page");
    expect(conflict(all[1] as KeyRow, "? x")).toBe("help");
    expect(conflict(all[1] as KeyRow, "j")).toBe(null);
    expect(conflict(all[0] as KeyRow, "t")).toBe("text");
    expect(conflict(row("find", "f", "people"), "j")).toBe("next");
  });

  it("are printed as on the keyboard", () => {
    expect(keyCaps("Mod Enter", false)).toEqual(["Ctrl", "↵"]);
    expect(keyCaps("Mod k", true)).toEqual(["⌘", "K"]);
    expect(keyCaps("g m", false)).toEqual(["G", "M"]);
    expect(keyCaps("Escape", false)).toEqual(["Esc"]);
  });
});

describe("the catalogue of keys", () => {
  it("holds every key that a page registers, so that each can be put elsewhere", async () => {
    const { keyCatalog } = await import("./keyCatalog");
    const known = new Set(keyCatalog().map((k) => k.label));
    const sources = import.meta.glob<string>("../**/*.vue", { query: "?raw", import: "default", eager: true });
    const fixed = new Set(["Escape", "Mod Enter"]);
    const missing = Object.entries(sources).flatMap(([file, text]) => [...text.matchAll(/\{ keys: "([^"]+)", label: "([^"]+)", run/g)].filter((m) => !fixed.has(m[1] ?? "") && !known.has(m[2] ?? "")).map((m) => `${file}: ${m[2]}`));
    expect(missing).toEqual([]);
  });
});
