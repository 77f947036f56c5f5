import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineComponent, nextTick, reactive } from "vue";
import { api, unwrap } from "@/api/client";
import { ApiError } from "@/api/error";
import ErrorNote from "@/components/base/ErrorNote.vue";
import NewGroup from "@/components/groups/NewGroup.vue";
import { mountFor, type Mounted } from "@/lib/mountFor";
import { useLive } from "@/stores/live";
import { useToasts } from "@/stores/toasts";
import { useGroupActs } from "./useGroups";
import { useStoredNotice } from "./useStoredNotice";

let page: Mounted | null = null;
let code = "not_in_force";
beforeEach(() => {
  code = "not_in_force";
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ code }), { status: 503, headers: { "Content-Type": "application/problem+json" } }));
});
afterEach(() => {
  page?.done();
  page = null;
  vi.unstubAllGlobals();
});

describe("a change that is stored and not in force yet", () => {
  it("is told of once, wherever it was made, and the page is read anew", async () => {
    page = await mountFor(defineComponent(() => (useStoredNotice(), () => null)));
    const reread = vi.fn();
    useLive().on({ reset: reread });
    await expect(unwrap(api.DELETE("/api/v1/roles/{role}", { params: { path: { role: "ward" }, header: { "If-Match": "v1" } } }))).rejects.toMatchObject({ code });
    expect(useToasts().list.map((x) => [x.text.split(":")[0], x.later])).toEqual([["Stored, not in force yet", true]]);
    expect(reread).toHaveBeenCalledTimes(1);
    code = "busy";
    await expect(unwrap(api.GET("/api/v1/roles"))).rejects.toMatchObject({ code });
    expect(useToasts().list.length).toBe(1);
    expect(reread).toHaveBeenCalledTimes(1);
  });

  it("is no act that failed: nobody is led to do it again", async () => {
    const acts = useGroupActs();
    expect(await acts.add.run("grp_1", "usr_1")).toBe(true);
    expect(acts.add.error.value).toBeNull();
    code = "busy";
    expect(await acts.add.run("grp_1", "usr_1")).toBeNull();
  });

  it("closes the form of a new group", async () => {
    const state = reactive({ modelValue: true, "onUpdate:modelValue": (on: boolean) => (state.modelValue = on) });
    page = await mountFor(NewGroup, state);
    await nextTick();
    const name = document.querySelector<HTMLInputElement>("[data-test=group-name]");
    if (!name) throw new Error("no field");
    name.value = "ward";
    name.dispatchEvent(new Event("input"));
    await nextTick();
    document.querySelector("form")?.dispatchEvent(new Event("submit"));
    await vi.waitFor(() => expect(state.modelValue).toBe(false));
  });

  it.each([["not_in_force", false], ["busy", true]])("%s: says that nothing was saved: %s", async (was, says) => {
    page = await mountFor(ErrorNote, { error: new ApiError(was, 503, "", ""), notDone: "Nothing was saved." });
    expect(page.host.textContent?.includes("Nothing was saved.")).toBe(says);
  });
});
