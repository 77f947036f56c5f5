import { useI18n } from "vue-i18n";
import { useRoute, useRouter, type RouteLocationRaw } from "vue-router";

/** Why a version was made: what the server says itself is said in the language of the page, with the way there. */
export function useVersionNote() {
  const { t } = useI18n();
  const router = useRouter();
  const route = useRoute();
  return (note: string): { text: string; to: RouteLocationRaw | null } => {
    const review = /^review (arv_\w+)$/.exec(note);
    if (review) return { text: t("versions.note.review"), to: router.hasRoute("reviews") ? { name: "reviews", params: { id: review[1] } } : null };
    if (/^request arq_\w+$/.test(note)) return { text: t("versions.note.request"), to: router.hasRoute("requests") ? { name: "requests", query: { status: "any" } } : null };
    const undo = /^undo (\d+)$/.exec(note);
    if (undo) return { text: t("versions.note.undo", { n: Number(undo[1]) }), to: { query: { ...route.query, version: undo[1] } } };
    if (note === "acl.file is no longer set") return { text: t("versions.kind.from_database"), to: null };
    return { text: note, to: null };
  };
}
