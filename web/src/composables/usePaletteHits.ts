import { computed, type Ref } from "vue";
import { useI18n } from "vue-i18n";
import { useRouter, type RouteLocationRaw } from "vue-router";
import type { User } from "@/api/types";
import { keyCatalog } from "@/lib/keyCatalog";
import { arrange, fit, idTargets, type Hit } from "@/lib/palette";
import { opens, pages } from "@/pages";
import { useCatalog } from "@/stores/catalog";
import { usePaletteStore } from "@/stores/palette";
import { usePrefs } from "@/stores/prefs";
import { useAccess } from "./useAccess";

type Scored = { hit: Hit; score: number };

/** What fits the typed words: pages, deeds, people, models and pasted ids; only what this person may, only pages that are there. */
export function usePaletteHits(query: Ref<string>, people: Ref<User[]>) {
  const { t, te } = useI18n();
  const router = useRouter();
  const { can } = useAccess();
  const prefs = usePrefs();
  const catalog = useCatalog();
  const store = usePaletteStore();
  const there = (to: RouteLocationRaw) => typeof to === "object" && "name" in to && to.name !== undefined && router.hasRoute(to.name);
  const go = (to: RouteLocationRaw) => () => router.push(to);
  /** The English words, too: names of pages are often known by them. Not before they are there. */
  const english = (key: string) => (te(key, "en") ? t(key, {}, { locale: "en" }) : "");

  function ids(): Scored[] {
    return idTargets(query.value).filter((x) => can(x.action)).flatMap((x) => {
      const to = x.to.find(there);
      return to ? [{ hit: { id: x.id, group: "id" as const, icon: x.icon, label: t(x.label, { id: query.value.trim() }), run: go(to) }, score: 1 }] : [];
    });
  }

  function places(): Scored[] {
    return pages.filter((p) => opens(p, can) && router.hasRoute(p.name)).map((p) => ({
      hit: { id: "go-" + p.name, group: "go", icon: p.icon, label: t("page." + p.name), keys: prefs.keyOf("page." + p.name, p.keys), run: go({ name: p.name }) },
      score: fit(query.value, `${t("page." + p.name)} ${english("page." + p.name)} ${p.name}`),
    }));
  }

  function deeds(): Scored[] {
    const keysOf = (label?: string) => (label ? prefs.keyOf(label, keyCatalog().find((row) => row.label === label)?.keys ?? "") : undefined);
    const own: Hit[] = [
      { id: "theme", group: "do", icon: "moon", label: t("palette.theme"), run: () => prefs.toggleTheme() },
      { id: "language", group: "do", icon: "chat", label: t("palette.language"), run: () => prefs.toggleLanguage() },
    ];
    const registered = store.items.filter((x) => opens(x, can)).map((x): Hit => {
      const label = typeof x.label === "function" ? x.label() : te(x.label) ? t(x.label) : x.label;
      return { id: x.id, group: x.group, icon: x.icon, label, keys: keysOf(x.keys), run: x.run };
    });
    const words = (hit: Hit) => (te("palette." + hit.id) ? english("palette." + hit.id) : "");
    return [...registered, ...own].map((hit) => ({ hit, score: fit(query.value, `${hit.label} ${words(hit)}`) }));
  }

  function persons(): Scored[] {
    return people.value.flatMap((u, i): Scored[] => {
      const note = te("role." + u.role) ? t("role." + u.role) : u.role;
      const hits: Scored[] = [];
      if (router.hasRoute("people")) hits.push({ hit: { id: u.id, group: "people", icon: "users", label: u.username, note: [u.display_name, note].filter(Boolean).join(" · "), run: go({ name: "people", params: { id: u.id } }) }, score: 1 });
      if (i === 0 && can("audit.read")) hits.push({ hit: { id: "rows-" + u.id, group: "do", icon: "audit", label: t("palette.rowsOf", { name: u.username }), run: go({ name: "audit", query: { actor: u.username, range: "all" } }) }, score: 5 });
      return hits;
    });
  }

  function models(): Scored[] {
    if (query.value.trim() === "" || !can("model.view") || !router.hasRoute("models")) return [];
    return catalog.models.map((m) => ({ hit: { id: "model-" + m.id, group: "models", icon: "models", label: m.id, run: go({ name: "models", params: { id: m.id } }) }, score: fit(query.value, m.id) }));
  }

  return computed(() => arrange([...ids(), ...persons(), ...models(), ...deeds(), ...places()].filter((x) => x.score > 0)));
}
