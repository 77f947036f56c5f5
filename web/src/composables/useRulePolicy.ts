import { computed } from "vue";
import { api, unwrap } from "@/api/client";
import { ApiError } from "@/api/error";
import type { RuleAbout } from "@/api/types";
import type { RuleText } from "@/lib/rules";
import { useResource } from "./useResource";

/** All rules as they stand on the server, and the tag that a change must find there. */
export interface Policy {
  rules: readonly RuleText[];
  about: Readonly<Record<string, RuleAbout>>;
  version: number;
  changedAt: string | null;
  source: "database" | "file";
  default: "allow" | "deny";
  etag: string;
}

const pageSize = 500;
const tries = 4;

/** Reads page by page; null where the rules changed between two pages. */
async function readOnce(signal?: AbortSignal): Promise<Policy | null> {
  const rules: RuleText[] = [];
  const about: Record<string, RuleAbout> = {};
  let first = "";
  for (let cursor = ""; ;) {
    const { page, etag } = await readPage(cursor, signal);
    if (first !== "" && first !== etag) return null;
    first = etag;
    rules.push(...page.items);
    Object.assign(about, page.about);
    if (!page.next_cursor) return { rules, about, version: page.version, changedAt: page.changed_at, source: page.source, default: page.default, etag };
    cursor = page.next_cursor;
  }
}

async function readPage(cursor: string, signal?: AbortSignal) {
  const call = api.GET("/api/v1/acl/rules", { params: { query: { limit: pageSize, ...(cursor ? { cursor } : {}) } }, signal });
  const page = await unwrap(call);
  return { page, etag: (await call).response.headers.get("ETag") ?? "" };
}

/** All rules of one moment. Refuses where they never stand still while they are read. */
export async function readPolicy(signal?: AbortSignal): Promise<Policy> {
  for (let n = 0; n < tries; n++) {
    const policy = await readOnce(signal);
    if (policy) return policy;
  }
  throw new ApiError("precondition_failed", 412, "", "");
}

/** The rules, read again when anybody changes them. */
export function useRulePolicy() {
  const resource = useResource<Policy>(readPolicy, { on: ["policy"] });
  return { ...resource, fromFile: computed(() => resource.data.value?.source === "file") };
}
