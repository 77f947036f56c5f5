import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import en from "@/i18n/en/api.json";
import zh from "@/i18n/zh-CN/api.json";
import { groupOf } from "./groups";

const yaml = readFileSync(resolve("../internal/httpapi/openapi.yaml"), "utf8");
const operations = [...yaml.matchAll(/tags: \[([a-z]+)[^\]]*\]\n\s+operationId: (\w+)/g)].map((m) => ({ tag: m[1] ?? "", id: m[2] ?? "" }));

it("finds the operations of the contract", () => {
  expect(operations.length).toBeGreaterThan(50);
  expect(operations.length).toBe([...yaml.matchAll(/operationId:/g)].length);
});

it("has a title in both languages for each operation, and none for what is not there", () => {
  const ids = operations.map((o) => o.id).sort();
  expect(Object.keys(en.api.op).sort()).toEqual(ids);
  expect(Object.keys(zh.api.op).sort()).toEqual(ids);
});

it("puts every operation under what people do with it", () => {
  expect(operations.filter((o) => groupOf(o) === "other").map((o) => o.id)).toEqual([]);
});
