import { describe, expect, it } from "vitest";
import { createApp, defineComponent, h } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";
import { useUrlFilters } from "./useUrlFilters";

async function mount(path: string) {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/audit/:id?", name: "audit", component: { render: () => null } }] });
  await router.push(path);
  let api!: ReturnType<typeof useUrlFilters<"actor" | "decision">>;
  const app = createApp(defineComponent({ setup: () => ((api = useUrlFilters(["actor", "decision"])), () => h("i")) }));
  app.use(router).mount(document.createElement("div"));
  return { router, api };
}

describe("useUrlFilters", () => {
  it("reads the address, ignores what is not its own and what is doubled", async () => {
    const { api } = await mount("/audit?actor=m.chen&decision=deny&decision=allow&other=1");
    expect(api.filters.value).toEqual({ actor: "m.chen", decision: "" });
    expect(api.active.value).toBe(true);
  });

  it("writes only what is set, and keeps the opened row", async () => {
    const { api, router } = await mount("/audit/evt_1?actor=m.chen");
    await api.set({ decision: "deny" });
    expect(router.currentRoute.value.fullPath).toBe("/audit/evt_1?actor=m.chen&decision=deny");
    await api.clear();
    expect(router.currentRoute.value.fullPath).toBe("/audit/evt_1");
    expect(api.active.value).toBe(false);
  });
});
