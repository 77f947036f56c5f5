import { useI18n } from "vue-i18n";
import type { PermissionLine, Role, User } from "@/api/types";
import { useFormat } from "@/composables/useFormat";

const icons = new Set(["admin", "reviewer", "radiologist", "nurse", "guest", "auditor"]);

/** What is said of people, roles and actions. A role or an action without words of its own is shown by its name. */
export function usePeopleTexts() {
  const { t, te, locale } = useI18n();
  const format = useFormat();
  const slug = (action: string) => action.replaceAll(".", "_");
  const action = (name: string) => (te("act." + slug(name)) ? t("act." + slug(name)) : name);
  const role = (name: string) => (te("role." + name) ? t("role." + name) : name);

  return {
    action,
    role,
    /** In the middle of a sentence. */
    doing: (name: string) => (locale.value === "en" ? action(name).charAt(0).toLowerCase() + action(name).slice(1) : action(name)),
    /** A role in the middle of a sentence. */
    inText: (name: string) => (locale.value === "en" ? role(name).charAt(0).toLowerCase() + role(name).slice(1) : role(name)),
    /** What a role is for: as somebody wrote it, else in our own words where the role came with the product. */
    purpose: (of: Role): string => of.description || (of.builtin && te("rolePurpose." + of.name) ? t("rolePurpose." + of.name) : ""),
    who: (name: string) => t("roles.who", { role: name, name }),
    roleIcon: (name: string) => (icons.has(name) ? "r-" + name : "users"),
    name: (user: User) => user.display_name || user.username,
    factor: (user: User) => t(user.kind === "service" ? "people.factorKeys" : user.mfa ? "people.factorCode" : "people.factorPassword"),
    actions: (names: readonly string[]) => new Intl.ListFormat(locale.value, { type: "conjunction" }).format(names.map(action)),
    /** Why a person may or may not: by the role as it came, or by whoever changed it. */
    why: (line: PermissionLine) => {
      if (line.reason === "not_active") return t("people.whyOff");
      if (line.source === "changed" && line.changed_at) return t(line.reason === "role" ? "people.whyGiven" : "people.whyTaken", { who: line.changed_by ?? "–", when: format.day(line.changed_at) });
      return t(line.allowed ? "people.whyShipped" : "people.whyNot");
    },
    holds: (of: Role | undefined, name: string) => of?.actions.includes(name) ?? false,
  };
}
