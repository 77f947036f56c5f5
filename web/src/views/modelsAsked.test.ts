import { afterEach, describe, expect, it, vi } from "vitest";
import { h, type Component } from "vue";
import { useRulesPage } from "@/composables/useRulesPage";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useSession } from "@/stores/session";
import SettingsView from "./SettingsView.vue";

let page: Mounted | null = null;
afterEach(() => {
  page?.done();
  vi.unstubAllGlobals();
});

/** What a page asks the server for, opened by somebody with these rights. */
async function asked(view: Component, actions: string[], own: string): Promise<string[]> {
  const paths: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    paths.push(new URL(request.url).pathname);
    return new Response(JSON.stringify({ items: [], ignored: [], rules: [], version: 1 }), { headers: { "Content-Type": "application/json" } });
  });
  page = await mountFor({ setup: () => ((useSession().actions = actions), () => h(view)) });
  await vi.waitFor(() => expect(paths).toContain(own));
  return paths;
}

const Rules: Component = { setup: () => (useRulesPage(), () => null) };
describe.each([
  { name: "rules", view: Rules, right: "acl.manage", own: "/api/v1/acl/rules" },
  { name: "settings", view: SettingsView as Component, right: "settings.manage", own: "/api/v1/settings" },
])("the page $name", ({ view, right, own }) => {
  it("does not ask for models that may not be seen", async () => {
    expect(await asked(view, [right], own)).not.toContain("/api/v1/models");
  });

  it("asks for those that may", async () => {
    expect(await asked(view, [right, "model.view"], own)).toContain("/api/v1/models");
  });
});
