import { computed } from "vue";
import { useI18n } from "vue-i18n";
import { api, unwrap } from "@/api/client";
import type { GhTab } from "@/components/base/GhTabs.vue";
import { useSession } from "@/stores/session";
import { useAccess } from "./useAccess";
import { useResource } from "./useResource";

export type GovernTab = "people" | "groups" | "roles" | "requests" | "reviews";

const most = 100;

/** The tabs around people: accounts, groups and roles for who manages them, requests and reviews for everybody, with what waits. */
export function useGovernTabs() {
  const { t } = useI18n();
  const { can } = useAccess();
  const session = useSession();
  const labels: Record<GovernTab, string> = { people: "people.tabPeople", groups: "groups.tab", roles: "people.tabRoles", requests: "requests.tabRequests", reviews: "requests.tabReviews" };
  const names = (): GovernTab[] => [...(can("user.manage") ? (["people", "groups", "roles"] as const) : []), "requests", "reviews"];
  /** One's own requests wait for somebody else. */
  const open = useResource(
    (signal) => (can("acl.manage") ? unwrap(api.GET("/api/v1/access/requests", { params: { query: { status: "open", limit: most } }, signal })).then((page) => page.items.filter((r) => r.user_id !== session.user?.id).length) : Promise.resolve(0)),
    { on: ["request"] },
  );
  const waiting = computed(() => open.data.value || null);
  return {
    tabs: (counts: Partial<Record<GovernTab, number | null>>): GhTab[] => names().map((name) => ({ name, label: t(labels[name]), to: { name }, count: name === "requests" ? waiting.value : (counts[name] ?? null) })),
  };
}
