import { createRouter, createWebHistory } from "vue-router";
import { useSession } from "@/stores/session";

declare module "vue-router" {
  interface RouteMeta {
    /** The action a person needs; a missing one hides the page from the navigation and from the router. */
    action?: string;
    title: string;
    group?: string;
    gate?: boolean;
  }
}

/** The pages in the order of the navigation. Only built ones stand here. */
export const pages = [
  { name: "moderate", group: "work", icon: "moderate", action: "moderation.run", keys: "g m" },
  { name: "history", group: "work", icon: "history", action: "moderation.read", keys: "g h" },
  { name: "audit", group: "evidence", icon: "audit", action: "audit.read", keys: "g a" },
] as const;

const startByRole: Record<string, string> = { auditor: "audit" };

/** Where a person begins: the page of the role if it is built and allowed, else the first allowed one, else a calm page. */
export function startPage(role: string, actions: string[]): { name: string } {
  const allowed = pages.filter((p) => actions.includes(p.action)).map((p) => p.name as string);
  const own = startByRole[role];
  return { name: own && allowed.includes(own) ? own : (allowed[0] ?? "nothing") };
}

export const router = createRouter({
  history: createWebHistory("/ui/"),
  routes: [
    { path: "/setup", name: "setup", component: () => import("@/views/SetupView.vue"), meta: { title: "setup.title", gate: true } },
    { path: "/sign-in", name: "sign-in", component: () => import("@/views/SignInView.vue"), meta: { title: "signIn.title", gate: true } },
    { path: "/moderate", name: "moderate", component: () => import("@/views/ModerateView.vue"), meta: { title: "page.moderate", group: "work", action: "moderation.run" } },
    { path: "/history/:id?", name: "history", component: () => import("@/views/HistoryView.vue"), meta: { title: "page.history", group: "work", action: "moderation.read" } },
    { path: "/audit/:id?", name: "audit", component: () => import("@/views/AuditView.vue"), meta: { title: "page.audit", group: "evidence", action: "audit.read" } },
    { path: "/nothing", name: "nothing", component: () => import("@/views/NothingView.vue"), meta: { title: "page.nothing" } },
    { path: "/", name: "start", component: () => import("@/views/NothingView.vue"), meta: { title: "page.nothing" } },
    { path: "/:rest(.*)*", name: "unknown", component: () => import("@/views/UnknownView.vue"), meta: { title: "page.unknown" } },
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
  if (to.name === "start" || (to.name === "nothing" && start.name !== "nothing")) return start;
  return true;
});
