import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { pages, startPage } from "@/pages";
import { useSession } from "@/stores/session";
import { useNavigation } from "./useNavigation";

beforeEach(() => setActivePinia(createPinia()));

function of(...actions: string[]) {
  useSession().actions = actions;
  return useNavigation();
}

describe("useNavigation", () => {
  it("shows groups in their order, and no page whose action is missing", () => {
    const { grouped, bare } = of("moderation.run", "moderation.read", "audit.read");
    expect(grouped.value.map((g) => [g.name, g.pages.map((p) => p.name)])).toEqual([["work", ["moderate", "history"]], ["evidence", ["audit"]]]);
    expect(bare.value).toBe(false);
  });

  it("needs no navigation for somebody who only reads examples: the pages are in the menu", () => {
    const { bare, menu, listed } = of("example.read", "session.own");
    expect(bare.value).toBe(true);
    expect(menu.value).toEqual(expect.arrayContaining(listed.value));
  });

  it("has no page in two places of the menu of somebody with work to do", () => {
    const { menu } = of("moderation.run", "key.own");
    expect(menu.value.every((p) => p.group === "menu")).toBe(true);
  });
});

describe("startPage", () => {
  it("is the page of the role where it is built and allowed", () => {
    const has = (name: string) => pages.some((p) => p.name === name);
    const all = ["metrics.read", "moderation.run", "moderation.read", "example.read", "model.view", "audit.read", "session.own", "key.own"];
    for (const [role, page] of [["admin", "overview"], ["reviewer", "moderate"], ["radiologist", "models"], ["nurse", "models"], ["guest", "examples"], ["auditor", "audit"]] as const) {
      if (has(page)) expect(startPage(role, all), role).toEqual({ name: page });
    }
  });
});
