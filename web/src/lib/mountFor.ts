import { createPinia, setActivePinia } from "pinia";
import { createApp, h, nextTick, type Component } from "vue";
import { createMemoryHistory, createRouter, type Router } from "vue-router";
import { makeI18n } from "@/i18n";
import type { Language } from "@/stores/prefs";

export interface Mounted {
  host: HTMLElement;
  router: Router;
  done: () => void;
}

/** For tests: one component on a page of its own, with texts, stores and a router that knows every address; by name those in `routes`. */
export async function mountFor(component: Component, props: Record<string, unknown> = {}, options: { language?: Language; slots?: Record<string, () => unknown>; path?: string; routes?: readonly string[] } = {}): Promise<Mounted> {
  const host = document.createElement("div");
  const foot = document.createElement("div");
  foot.id = "savebar";
  document.body.append(host, foot);
  const pinia = createPinia();
  setActivePinia(pinia);
  const empty = { render: () => null };
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/:rest(.*)*", name: "any", component: empty }] });
  for (const name of options.routes ?? []) router.addRoute({ path: "/" + name, name, component: empty });
  await router.push(options.path ?? "/here");
  const app = createApp({ render: () => h(component, props, options.slots) });
  app.use(pinia).use(makeI18n(options.language ?? "en")).use(router).mount(host);
  await nextTick();
  const done = () => {
    app.unmount();
    host.remove();
    foot.remove();
  };
  return { host, router, done };
}
