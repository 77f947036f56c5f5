import { createPinia } from "pinia";
import { createApp } from "vue";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/print.css";
import App from "./App.vue";
import { liveI18n } from "./i18n/live";
import { mountSprite } from "./lib/sprite";
import { router } from "./router";
import { usePrefs } from "./stores/prefs";

// After an upgrade the old page asks for files that are gone: one reload brings the new page.
addEventListener("vite:preloadError", (event) => {
  const last = Number(sessionStorage.getItem("gh.reloaded") ?? 0);
  if (Date.now() - last < 60_000) return;
  sessionStorage.setItem("gh.reloaded", String(Date.now()));
  event.preventDefault();
  location.reload();
});

/** Not at the top of the module: chunks that wait for this one must not wait for the texts, too. */
async function start(): Promise<void> {
  mountSprite();
  const app = createApp(App);
  app.use(createPinia());
  const prefs = usePrefs();
  app.use(await liveI18n(() => prefs.language)).use(router).mount("#app");
}
void start();
