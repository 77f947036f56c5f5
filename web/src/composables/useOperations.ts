import { computed, type Ref } from "vue";
import { useI18n } from "vue-i18n";
import { useRoute, useRouter } from "vue-router";
import { grouped, matches } from "@/lib/openapi/groups";
import type { Op } from "@/lib/openapi/read";
import { useAccess } from "./useAccess";

/** Whether somebody may call an operation: it is open, wants any credential, or an action that he holds. */
export function useMay() {
  const { can } = useAccess();
  return (op: Pick<Op, "action">): boolean => op.action === "public" || op.action === "signed-in" || op.action === "auth.confirm" || can(op.action);
}

/** The title of an operation in the page's language; the document's own, which is English, where nobody wrote one. */
export function useTitle() {
  const { t, te } = useI18n();
  return (op: Op): { text: string; lang?: string } => (te("api.op." + op.id) ? { text: t("api.op." + op.id) } : { text: op.summary, lang: "en" });
}

/** What the list shows, and which operation is open: its id is the anchor in the address, the filters are in the query. */
export function useOperations(all: Ref<Op[]>) {
  const route = useRoute();
  const router = useRouter();
  const may = useMay();
  const title = useTitle();
  const text = (name: string) => (typeof route.query[name] === "string" ? route.query[name] : "");
  const query = computed(() => text("q"));
  const mine = computed(() => text("mine") === "1");
  const shown = computed(() => all.value.filter((op) => (!mine.value || may(op)) && matches(op, title(op).text, query.value.trim())));
  const groups = computed(() => grouped(shown.value));
  const ordered = computed(() => groups.value.flatMap((g) => g.ops));
  const id = computed(() => route.hash.slice(1));
  const opened = computed(() => all.value.find((op) => op.id === id.value) ?? null);

  function set(change: { q?: string; mine?: boolean }): void {
    const q = change.q ?? query.value;
    const only = change.mine ?? mine.value;
    void router.replace({ query: { ...(q ? { q } : {}), ...(only ? { mine: "1" } : {}) }, hash: route.hash });
  }
  const to = (op: Op | null) => ({ name: "api", query: route.query, hash: op ? "#" + op.id : "" });
  function step(by: 1 | -1): void {
    const at = ordered.value.findIndex((op) => op.id === id.value);
    const next = ordered.value[at < 0 ? 0 : at + by];
    if (next) void router.replace(to(next));
  }
  return { query, mine, groups, ordered, id, opened, set, to, step };
}
