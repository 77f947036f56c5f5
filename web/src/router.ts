import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import { auditTabOf, type AuditTab } from "@/lib/auditTabs";
import { pageOf, startPage } from "@/pages";
import { useSession } from "@/stores/session";

export { pages, startPage } from "@/pages";

declare module "vue-router" {
  interface RouteMeta {
    title: string;
    /** The row of the navigation that this page belongs to; its own name for most. */
    page?: string;
    /** The actions of which a person needs one; else the page is hidden, and refused when its address is typed. */
    action?: string | readonly string[];
    gate?: boolean;
    /** The parameter that names what the page is about, for the last of the crumbs. */
    object?: string;
  }
}

/** A page of the console. `page` is the row of the navigation whose action holds for it, too. */
function at(path: string, name: string, component: () => Promise<unknown>, page = name, object?: string): RouteRecordRaw {
  const row = pageOf(page);
  return { path, name, component, meta: { title: "page." + name, page, action: row?.action, object } };
}

/** A page among the tabs of the audit area: its tab's action opens it. */
function auditAt(name: AuditTab["name"], component: () => Promise<unknown>, path = "/audit/" + name): RouteRecordRaw {
  return { path, name, component, meta: { title: "page." + name, page: "audit", action: auditTabOf(name)?.action } };
}

const gate = (path: string, name: string, title: string, component: () => Promise<unknown>): RouteRecordRaw => ({ path, name, component, meta: { title, gate: true } });

// One line a page; its row in pages.ts stands for the navigation, the palette and the keys.
export const router = createRouter({
  history: createWebHistory("/ui/"),
  routes: [
    gate("/setup", "setup", "setup.title", () => import("@/views/SetupView.vue")),
    gate("/sign-in", "sign-in", "signIn.title", () => import("@/views/SignInView.vue")),
    at("/overview", "overview", () => import("@/views/OverviewView.vue")),
    at("/moderate", "moderate", () => import("@/views/ModerateView.vue")),
    at("/history/:id?", "history", () => import("@/views/HistoryView.vue")),
    at("/verdicts/:id", "verdict", () => import("@/views/VerdictView.vue"), "history"),
    at("/examples", "examples", () => import("@/views/ExamplesView.vue")),
    at("/models/:id?", "models", () => import("@/views/ModelsView.vue")),
    at("/rules/:model?/:rule?", "rules", () => import("@/views/RulesView.vue"), "rules", "model"),
    at("/people/:id?", "people", () => import("@/views/PeopleView.vue")),
    at("/roles/:role?", "roles", () => import("@/views/RolesView.vue"), "people"),
    at("/groups/:id?", "groups", () => import("@/views/GroupsView.vue"), "people"),
    at("/requests", "requests", () => import("@/views/RequestsView.vue")),
    at("/reviews/:id?", "reviews", () => import("@/views/ReviewsView.vue"), "requests"),
    at("/usage", "usage", () => import("@/views/UsageView.vue")),
    at("/keys", "keys", () => import("@/views/KeysView.vue")),
    at("/sessions", "sessions", () => import("@/views/SessionsView.vue"), "keys"),
    at("/settings", "settings", () => import("@/views/SettingsView.vue")),
    auditAt("audit", () => import("@/views/AuditView.vue"), "/audit/:id?"),
    auditAt("exports", () => import("@/views/ExportsView.vue")),
    auditAt("proof", () => import("@/views/ProofView.vue")),
    auditAt("retention", () => import("@/views/RetentionView.vue")),
    auditAt("forwarding", () => import("@/views/ForwardingView.vue")),
    at("/system", "system", () => import("@/views/SystemView.vue")),
    at("/events/:id", "event", () => import("@/views/EventView.vue"), "audit"),
    at("/profile", "profile", () => import("@/views/ProfileView.vue")),
    at("/api", "api", () => import("@/views/ApiView.vue")),
    at("/nothing", "nothing", () => import("@/views/NothingView.vue")),
    { path: "/", name: "start", component: () => import("@/views/NothingView.vue"), meta: { title: "page.nothing" } },
    at("/:rest(.*)*", "unknown", () => import("@/views/UnknownView.vue")),
  ],
});

/** Only paths of our own: a link cannot send somebody elsewhere after signing in. */
export function safeNext(next: unknown): string | null {
  return typeof next === "string" && /^\/(?![/\\])/.test(next) && !/^\/(sign-in|setup)\b/.test(next) ? next : null;
}

router.beforeEach(async (to) => {
  const session = useSession();
  if (session.state === "unknown") await session.load();
  if (session.state === "down") return true; // the shell shows the failure and a retry
  if (session.state === "setup") return to.name === "setup" ? true : { name: "setup" };
  if (session.state === "out") {
    if (to.name === "sign-in") return true;
    const next = to.name === "start" || to.name === "setup" ? null : safeNext(to.fullPath);
    return { name: "sign-in", query: next ? { next } : {} };
  }
  const start = startPage(session.user?.role ?? "", session.actions);
  if (to.meta.gate) return safeNext(to.query.next) ?? start;
  // One row of the navigation for both: who has no keys is led to the sessions.
  if (to.name === "keys" && !session.actions.includes("key.own") && session.actions.includes("session.own")) return { name: "sessions" };
  if (to.name === "start" || (to.name === "nothing" && start.name !== "nothing")) return start;
  return true;
});
