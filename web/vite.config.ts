import { fileURLToPath, URL } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

/** Element Plus draws the tick of multiple selection with a data: picture, which our img-src refuses. We have no such list. */
const noDataUrls = {
  postcssPlugin: "no-data-urls", // after imports: the sheets of Element Plus stand in our own by then
  Declaration: (d: { value: string }) => {
    const value = d.value.replace(/url\(\s*(?:"data:[^"]*"|'data:[^']*'|data:[^)]*)\s*\)/g, "none");
    if (value !== d.value) d.value = value;
  },
};

// The console is served under /ui/ by the binary, with a policy that refuses inline script and style:
// nothing may be inlined, neither assets (data: is not in img-src) nor the module preload polyfill.
export default defineConfig({
  base: "/ui/",
  plugins: [vue()],
  css: { postcss: { plugins: [noDataUrls] } },
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  // Texts are compiled by our own ICU compiler: the one of vue-i18n need not travel.
  define: { __INTLIFY_DROP_MESSAGE_COMPILER__: "true", __VUE_I18N_FULL_INSTALL__: "false", __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false", __VUE_I18N_LEGACY_API__: "false", __INTLIFY_PROD_DEVTOOLS__: "false" },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  server: { port: 5173, strictPort: true, proxy: { "/api": { target: process.env.GUARDHOUSE_URL ?? "https://127.0.0.1:8443", secure: false }, "/readyz": { target: process.env.GUARDHOUSE_URL ?? "https://127.0.0.1:8443", secure: false } } },
  test: { environment: "happy-dom", include: ["src/**/*.test.ts"], restoreMocks: true },
});
