import { computed, onScopeDispose, ref, shallowRef } from "vue";
import { useI18n } from "vue-i18n";
import { api, unwrap } from "@/api/client";
import { useKeyNames } from "@/stores/keyNames";
import { useAccess } from "./useAccess";
import { usePeopleTexts } from "./usePeopleTexts";

export interface PrincipalChoice {
  value: string;
  label: string;
}
const waitMs = 160;
const most = 20;

/**
 * Whom a rule may name: the roles and groups, the keys that can be listed, and people whose name holds what is typed. What
 * cannot be listed for want of a right can be typed all the same; the server knows the names.
 */
export function usePrincipals() {
  const { t } = useI18n();
  const { can, canAny } = useAccess();
  const texts = usePeopleTexts();
  const keys = useKeyNames();
  const roles = ref<string[]>([]);
  const groups = ref<string[]>([]);
  const people = shallowRef<{ username: string; display_name: string }[]>([]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;

  /** A list that this person may not read offers nothing. */
  const quietly = (read: Promise<void>) => void read.catch(() => undefined);

  function load(): void {
    if (canAny("key.own", "key.manage")) void keys.load();
    if (!can("user.manage")) return;
    quietly(unwrap(api.GET("/api/v1/roles")).then((r) => void (roles.value = r.items.map((x) => x.name))));
    quietly(unwrap(api.GET("/api/v1/groups")).then((r) => void (groups.value = r.items.map((x) => x.name))));
  }

  /** Looks for people; an older answer never replaces a newer one. */
  function find(text: string): void {
    clearTimeout(timer);
    const q = text.replace(/^user:/, "").trim();
    if (!can("user.manage")) return;
    timer = setTimeout(() => {
      const mine = ++last;
      quietly(unwrap(api.GET("/api/v1/users", { params: { query: { limit: most, ...(q ? { q } : {}) } } })).then((r) => void (mine === last && (people.value = r.items))));
    }, waitMs);
  }
  onScopeDispose(() => clearTimeout(timer));

  const choices = computed<PrincipalChoice[]>(() => [
    { value: "*", label: t("rules.who.any") },
    ...roles.value.map((r) => ({ value: "role:" + r, label: texts.role(r) })),
    ...groups.value.map((g) => ({ value: "group:" + g, label: t("rules.who.group", { name: g }) })),
    ...people.value.map((p) => ({ value: "user:" + p.username, label: p.display_name || p.username })),
    ...keys.keys.filter((k) => !k.revoked_at).map((k) => ({ value: "key:" + k.id, label: t("rules.who.key", { name: k.label }) })),
  ]);

  /** What somebody means by a word: a choice, a name that is known under one kind, else a user of that name. */
  function read(text: string): string {
    const w = text.trim();
    if (w === "*" || /^key:./.test(w) || /^(?:role|user|group):[\p{L}\p{N}._@:-]+$/u.test(w)) return w;
    const byLabel = choices.value.find((c) => c.label.toLowerCase() === w.toLowerCase());
    const byName = choices.value.find((c) => c.value.slice(c.value.indexOf(":") + 1) === w);
    // No account has another name than such a one.
    return (byName ?? byLabel)?.value ?? (/^[\p{L}\p{N}._@-]+$/u.test(w) ? "user:" + w : "");
  }
  return { choices, load, find, read };
}
export type Principals = ReturnType<typeof usePrincipals>;
