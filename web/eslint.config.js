import a11y from "eslint-plugin-vuejs-accessibility";
import vue from "eslint-plugin-vue";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts"] },
  ...ts.configs.recommended,
  ...vue.configs["flat/recommended"],
  ...a11y.configs["flat/recommended"],
  {
    files: ["**/*.vue"],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    files: ["src/**/*.{ts,vue}"],
    rules: {
      "no-undef": "off",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      // Texts that are judged, names and notes are shown as text nodes only (threat W1).
      "vue/no-v-html": "error",
      "vue/no-v-text-v-html-on-component": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Text nodes only." },
        { property: "outerHTML", message: "Text nodes only." },
        { property: "insertAdjacentHTML", message: "Text nodes only." },
      ],
      // A style attribute in a template may be hoisted into innerHTML, which the policy of the page refuses.
      "vue/no-static-inline-styles": ["error", { allowBinding: true }],
      "vue/component-api-style": ["error", ["script-setup"]],
      "vue/block-lang": ["error", { script: { lang: "ts" } }],
      "vue/define-macros-order": "error",
      "vue/max-lines-per-block": ["error", { script: 150, template: 150, style: 120 }],
      "vue/multi-word-component-names": "off",
      // layout is the formatter's business
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": "off",
      "vue/html-indent": "off",
      "vue/html-closing-bracket-newline": "off",
      "vue/attributes-order": "off",
      "vue/first-attribute-linebreak": "off",
      // labels are tied by for/id; nesting as well is not needed
      "vuejs-accessibility/label-has-for": ["error", { required: { some: ["nesting", "id"] }, controlComponents: ["el-select"] }],
    },
  },
  {
    files: ["scripts/**/*.mjs", "e2e/**/*.mjs", "public/*.js"],
    rules: { "@typescript-eslint/no-unused-expressions": "off", "no-unused-vars": "off" },
  },
);
