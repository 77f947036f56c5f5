import { useI18n } from "vue-i18n";
import type { GhTab } from "@/components/base/GhTabs.vue";
import { useAccess } from "./useAccess";

export type GovernTab = "people" | "groups" | "roles" | "requests" | "reviews";

/** The tabs around people: accounts, groups and roles for who manages them, requests and reviews for everybody. */
export function useGovernTabs() {
  const { t } = useI18n();
  const { can } = useAccess();
  const labels: Record<GovernTab, string> = { people: "people.tabPeople", groups: "groups.tab", roles: "people.tabRoles", requests: "requests.tabRequests", reviews: "requests.tabReviews" };
  const names = (): GovernTab[] => [...(can("user.manage") ? (["people", "groups", "roles"] as const) : []), "requests", "reviews"];
  return {
    tabs: (counts: Partial<Record<GovernTab, number | null>>): GhTab[] => names().map((name) => ({ name, label: t(labels[name]), to: { name }, count: counts[name] ?? null })),
  };
}
