import { onScopeDispose, shallowReactive } from "vue";
import { usePrefs } from "@/stores/prefs";

/** keys: one key ("?") or a sequence ("g m"). label: the text's key in the catalogue. */
export interface Shortcut {
  keys: string;
  label: string;
  /** The label names a page, and the keys lead there. */
  goes?: boolean;
  run: () => void;
}

const registered = shallowReactive(new Set<Shortcut>());
const sequenceMs = 1200;
let first = "";
let firstAt = 0;

function inField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest("[role=dialog],[role=listbox],[role=menu]") !== null;
}

/** Acts on one key press; answers whether a shortcut ran. Fields, modifiers, repeats and dialogs are left alone. */
export function dispatchShortcut(event: KeyboardEvent, at = Date.now()): boolean {
  if (event.defaultPrevented || event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return false;
  if (event.key === "Shift") return false;
  const sequence = first !== "" && at - firstAt < sequenceMs ? first + " " + event.key : "";
  const all = [...registered];
  const hit = (sequence && all.find((s) => s.keys === sequence)) || all.find((s) => s.keys === event.key);
  first = "";
  if (hit) {
    event.preventDefault();
    hit.run();
    return true;
  }
  if (all.some((s) => s.keys.startsWith(event.key + " "))) {
    first = event.key;
    firstAt = at;
  }
  return false;
}

/** Registers keys for as long as the component lives. */
export function useShortcuts(shortcuts: Shortcut[]): void {
  shortcuts.forEach((s) => registered.add(s));
  onScopeDispose(() => shortcuts.forEach((s) => registered.delete(s)));
}

/** The shell calls this once; single keys can be switched off by the person (WCAG 2.1.4). */
export function useShortcutListener(): void {
  const prefs = usePrefs();
  const listen = (event: KeyboardEvent) => {
    if (prefs.shortcuts) dispatchShortcut(event);
  };
  document.addEventListener("keydown", listen);
  onScopeDispose(() => document.removeEventListener("keydown", listen));
}

export function useShortcutList() {
  return registered;
}
