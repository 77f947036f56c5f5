import { createPinia } from "pinia";
import { createApp, watch } from "vue";
import "element-plus/theme-chalk/base.css";
import "element-plus/theme-chalk/dark/css-vars.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/element.css";
import App from "./App.vue";
import { makeI18n } from "./i18n";
import { mountSprite } from "./lib/sprite";
import { router } from "./router";
import { usePrefs } from "./stores/prefs";

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
