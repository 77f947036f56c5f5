import { pages } from "@/pages";

/** A key that a person may put elsewhere. */
export interface KeyRow {
  /** The text's key in the catalogue, by which a remapping is remembered. */
  label: string;
  keys: string;
  /** Where it counts: everywhere, or on one page. The same key may mean two things on two pages. */
  scope: string;
  goes?: boolean;
}

const parts: readonly KeyRow[] = [
  { label: "keys.help", keys: "?", scope: "all" },
  { label: "keys.search", keys: "/", scope: "all" },
  { label: "keys.text", keys: "t", scope: "moderate" },
  { label: "keys.conversation", keys: "c", scope: "moderate" },
  { label: "api.keys.find", keys: "f", scope: "api" },
  { label: "api.keys.next", keys: "j", scope: "api" },
  { label: "api.keys.previous", keys: "k", scope: "api" },
  { label: "api.keys.send", keys: "s", scope: "api" },
  { label: "rules.keysNew", keys: "n", scope: "rules" },
  { label: "rules.keysNext", keys: "j", scope: "rules" },
  { label: "rules.keysPrevious", keys: "k", scope: "rules" },
  { label: "rules.keysWho", keys: "w", scope: "rules" },
  { label: "rules.keysCompare", keys: "c", scope: "rules" },
  { label: "people.find", keys: "f", scope: "people" },
  { label: "people.keysAdd", keys: "n", scope: "people" },
  { label: "people.keysEdit", keys: "e", scope: "people" },
  { label: "groups.keysNew", keys: "n", scope: "groups" },
  { label: "requests.keysAsk", keys: "n", scope: "requests" },
  { label: "reviews.keysNew", keys: "n", scope: "reviews" },
  { label: "keyring.new", keys: "n", scope: "keys" },
  { label: "roles.new", keys: "n", scope: "roles" },
  { label: "system.again", keys: "r", scope: "system" },
  { label: "chain.verify", keys: "v", scope: "proof" },
  { label: "audit.next", keys: "j", scope: "audit" },
  { label: "audit.previous", keys: "k", scope: "audit" },
  { label: "keys.next", keys: "j", scope: "lists" },
  { label: "keys.previous", keys: "k", scope: "lists" },
];

/** All keys that can be remapped: those of the frame, of the pages, and the ways to the pages. */
export function keyCatalog(): KeyRow[] {
  return [...parts, ...pages.map((p) => ({ label: "page." + p.name, keys: p.keys, scope: "all", goes: true }))];
}

const caps: Record<string, string> = { Enter: "↵", Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→" };

/** What is printed on the keys. */
export function keyCaps(keys: string, mac = /Mac|iP(hone|ad)/.test(navigator.userAgent)): string[] {
  return keys.split(" ").map((k) => (k === "Mod" ? (mac ? "⌘" : "Ctrl") : (caps[k] ?? (k.length === 1 ? k.toUpperCase() : k))));
}

/** Pages where the keys of lists count beside their own. */
const listPages = ["people", "groups", "roles", "keys"];
const inList = (a: KeyRow, b: KeyRow) => a.scope === "lists" && listPages.includes(b.scope);

/** Why these keys cannot be taken: they are another row's, or one would never be reached behind the other. Null if they can. */
export function keyConflict(row: KeyRow, keys: string, all: readonly KeyRow[], effective: (row: KeyRow) => string): KeyRow | null {
  const meet = (other: KeyRow) => other.label !== row.label && (other.scope === row.scope || other.scope === "all" || row.scope === "all" || inList(row, other) || inList(other, row));
  const hides = (a: string, b: string) => a === b || a.startsWith(b + " ") || b.startsWith(a + " ");
  return all.find((other) => meet(other) && hides(effective(other), keys)) ?? null;
}
