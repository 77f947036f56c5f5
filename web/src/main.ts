import { createPinia } from "pinia";
import { createApp, watch } from "vue";
import "element-plus/theme-chalk/base.css";
// The looks of the used parts come first and together: what lies over them must come after, whichever page loads first.
import "element-plus/theme-chalk/el-dialog.css";
import "element-plus/theme-chalk/el-dropdown-item.css";
import "element-plus/theme-chalk/el-dropdown-menu.css";
import "element-plus/theme-chalk/el-dropdown.css";
import "element-plus/theme-chalk/el-option.css";
import "element-plus/theme-chalk/el-overlay.css";
import "element-plus/theme-chalk/el-popper.css";
import "element-plus/theme-chalk/el-scrollbar.css";
import "element-plus/theme-chalk/el-select.css";
import "element-plus/theme-chalk/el-tag.css";
import "element-plus/theme-chalk/el-tooltip.css";
import "element-plus/theme-chalk/dark/css-vars.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/element.css";
import App from "./App.vue";
import { makeI18n } from "./i18n";
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

mountSprite();
const app = createApp(App);
app.use(createPinia());
const prefs = usePrefs();
const i18n = makeI18n(prefs.language);
watch(
  () => prefs.language,
  (l) => (i18n.global.locale.value = l),
  { flush: "sync" },
);
app.use(i18n).use(router).mount("#app");
