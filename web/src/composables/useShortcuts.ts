import { computed, onScopeDispose, shallowReactive, toValue, watch, type MaybeRefOrGetter } from "vue";
import { usePrefs } from "@/stores/prefs";

/** keys: one key ("?") or a sequence ("g m"); "Mod Enter" is only shown. label: the text's key in the catalogue. */
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

/**
 * Acts on one key press; answers whether a shortcut ran. Fields, modifiers, repeats and dialogs are left alone.
 * `effective` answers the keys of a shortcut after remapping.
 */
export function dispatchShortcut(event: KeyboardEvent, at = Date.now(), effective = (s: Shortcut) => s.keys): boolean {
  if (event.defaultPrevented || event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return false;
  if (event.key === "Shift") return false;
  const sequence = first !== "" && at - firstAt < sequenceMs ? first + " " + event.key : "";
  const all = [...registered];
  const hit = (sequence && all.find((s) => effective(s) === sequence)) || all.find((s) => effective(s) === event.key);
  first = "";
  if (hit) {
    event.preventDefault();
    hit.run();
    return true;
  }
  if (all.some((s) => effective(s).startsWith(event.key + " "))) {
    first = event.key;
    firstAt = at;
  }
  return false;
}

/** Registers keys for as long as the component lives; a function's answer may change meanwhile. */
export function useShortcuts(shortcuts: MaybeRefOrGetter<readonly Shortcut[]>): void {
  let own: readonly Shortcut[] = [];
  const drop = () => own.forEach((s) => registered.delete(s));
  watch(
    () => toValue(shortcuts),
    (list) => {
      drop();
      own = list;
      own.forEach((s) => registered.add(s));
    },
    { immediate: true },
  );
  onScopeDispose(drop);
}

/** The shell calls this once; single keys can be switched off and put elsewhere by the person (WCAG 2.1.4). */
export function useShortcutListener(): void {
  const prefs = usePrefs();
  const listen = (event: KeyboardEvent) => {
    if (prefs.shortcuts) dispatchShortcut(event, Date.now(), (s) => prefs.keyOf(s.label, s.keys));
  };
  document.addEventListener("keydown", listen);
  onScopeDispose(() => document.removeEventListener("keydown", listen));
}

/** What has keys on the page in view, with the keys as the person put them. */
export function useShortcutList() {
  const prefs = usePrefs();
  return computed(() => [...registered].map((s) => ({ label: s.label, goes: s.goes ?? false, keys: prefs.keyOf(s.label, s.keys) })));
}
