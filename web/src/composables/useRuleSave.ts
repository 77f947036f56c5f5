import { shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import { ApiError } from "@/api/error";
import { stored } from "@/api/stored";
import { changedFields, proposeId, written, type RuleText } from "@/lib/rules";
import { useAsyncAction } from "./useAsyncAction";
import type { RuleEdit, RuleEdits } from "./useRuleEdits";
import { readPolicy, type Policy } from "./useRulePolicy";

export const trial = "-trial";

/** The set with the changes beside it, where they only report: new rules do, changed ones stay and get a twin, none goes. */
export function asReports(edits: readonly RuleEdit[], ids: ReadonlyMap<string, string>, base: readonly RuleText[]): RuleText[] {
  const used = [...base.flatMap((r) => r.id ?? []), ...ids.values()];
  const extra = edits.flatMap(({ key, before, after }): RuleText[] => {
    if (!after) return [];
    const id = before ? proposeTwin(key, used) : (ids.get(key) ?? proposeId(after, used));
    used.push(id);
    return [{ ...after, id, mode: "report-only" }];
  });
  return [...base, ...extra];
}

function proposeTwin(id: string, used: readonly string[]): string {
  const base = id.slice(0, 58 - trial.length) + trial;
  for (let n = 1; ; n++) {
    const twin = n === 1 ? base : `${base}-${n}`;
    if (!used.includes(twin)) return twin;
  }
}

/** Sees that a rule is still as it was, and answers the tag that a change must find. */
async function unchanged(rule: RuleText, signal: AbortSignal): Promise<string> {
  const call = api.GET("/api/v1/acl/rules/{rule}", { params: { path: { rule: rule.id ?? "" } }, signal });
  const now = await unwrap(call);
  if (changedFields(rule, now).length > 0) throw new ApiError("precondition_failed", 412, "", "");
  return (await call).response.headers.get("ETag") ?? "";
}

/**
 * Stores rule by rule. It is for a set with a rule that this release cannot read: sent along with the others it would come back
 * as something else. Answers the version after the last one; a refusal leaves those before it done.
 */
async function oneByOne(base: Policy, rules: readonly RuleText[], query: { note?: string }, signal: AbortSignal): Promise<number> {
  const old = new Map(base.rules.map((r) => [r.id ?? "", r]));
  const put = (call: Promise<unknown>) => stored(call, () => null);
  for (const rule of rules) {
    const body = written(rule);
    const id = body.id;
    const before = old.get(id);
    old.delete(id);
    if (!before) await put(unwrap(api.POST("/api/v1/acl/rules", { params: { query }, body, signal })));
    else if (changedFields(before, body).length > 0) await put(unwrap(api.PUT("/api/v1/acl/rules/{rule}", { params: { path: { rule: id }, query, header: { "If-Match": await unchanged(before, signal) } }, body, signal })));
  }
  for (const [id, before] of old) await put(unwrap(api.DELETE("/api/v1/acl/rules/{rule}", { params: { path: { rule: id }, query, header: { "If-Match": await unchanged(before, signal) } }, signal })));
  return (await readPolicy(signal)).version;
}

/** Stores the whole set at once; somebody who was faster is shown before anything is lost. */
export function useRuleSave(edits: RuleEdits, done: () => Promise<void>) {
  /** The rules as somebody else left them meanwhile. */
  const theirs = shallowRef<Policy | null>(null);

  const action = useAsyncAction(async (signal, rules: RuleText[], note: string): Promise<number> => {
    theirs.value = null;
    const base = edits.base.value;
    const query = note ? { note } : {};
    try {
      if (base && Object.values(base.about).some((a) => !a.readable)) return await oneByOne(base, rules, query, signal);
      const header = { "If-Match": base?.etag ?? "" };
      const call = unwrap(api.PUT("/api/v1/acl/policy", { params: { header, query }, body: { version: 1, rules: rules.map(written) }, signal }));
      return await stored(call.then((state) => state.version), () => readPolicy(signal).then((p) => p.version));
    } catch (thrown) {
      if ((thrown as { status?: number }).status === 412) theirs.value = await readPolicy(signal);
      throw thrown;
    }
  });

  /** Answers the new version, null where nothing was saved. */
  async function store(rules: RuleText[], note = ""): Promise<number | null> {
    const version = await action.run(rules, note);
    if (version === null) return null;
    await done();
    edits.discard();
    return version;
  }

  /** Goes on with my changes on top of theirs. */
  function onTop(): void {
    if (theirs.value) edits.rebase(theirs.value);
    theirs.value = null;
    action.dismiss();
  }
  return { pending: action.pending, error: action.error, theirs, store, onTop, dismiss: action.dismiss };
}
