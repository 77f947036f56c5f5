import { afterEach, describe, expect, it, vi } from "vitest";
import { effectScope } from "vue";
import { dispatchShortcut, useShortcuts } from "./useShortcuts";

const scopes: ReturnType<typeof effectScope>[] = [];

function register(keys: string) {
  const run = vi.fn();
  const scope = effectScope();
  scope.run(() => useShortcuts([{ keys, label: "x", run }]));
  scopes.push(scope);
  return { run, scope };
}

function press(key: string, init: KeyboardEventInit = {}, target: EventTarget = document.body, at = 1000): boolean {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
  let answer = false;
  target.addEventListener("keydown", (e) => (answer = dispatchShortcut(e as KeyboardEvent, at)), { once: true });
  target.dispatchEvent(event);
  return answer;
}

describe("useShortcuts", () => {
  afterEach(() => {
    scopes.splice(0).forEach((s) => s.stop());
    press("x", {}, document.body, 1e9); // ends a sequence that a test left open
  });

  it("runs a key and a sequence, but not a slow sequence", () => {
    const help = register("?");
    const go = register("g m");
    expect(press("?")).toBe(true);
    expect(help.run).toHaveBeenCalledOnce();
    press("g", {}, document.body, 1000);
    expect(press("m", {}, document.body, 1500)).toBe(true);
    press("g", {}, document.body, 3000);
    expect(press("m", {}, document.body, 9000)).toBe(false);
    expect(go.run).toHaveBeenCalledOnce();
  });

  it("leaves fields, modifiers, repeats and dialogs alone", () => {
    const { run } = register("j");
    const field = document.body.appendChild(document.createElement("textarea"));
    const dialog = document.body.appendChild(document.createElement("div"));
    dialog.setAttribute("role", "dialog");
    press("j", {}, field);
    press("j", {}, dialog);
    press("j", { ctrlKey: true });
    press("j", { metaKey: true });
    press("j", { altKey: true });
    press("j", { repeat: true });
    press("j", { isComposing: true });
    expect(run).not.toHaveBeenCalled();
    press("j");
    expect(run).toHaveBeenCalledOnce();
    field.remove();
    dialog.remove();
  });

  it("forgets the keys of a page that is left", () => {
    const { run, scope } = register("k");
    scope.stop();
    expect(press("k")).toBe(false);
    expect(run).not.toHaveBeenCalled();
  });
});
