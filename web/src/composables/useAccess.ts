import { computed } from "vue";
import { useSession } from "@/stores/session";

/** What the signed-in person may do, as the server listed it. It hides; the server decides. */
export function useAccess() {
  const session = useSession();
  const set = computed(() => new Set(session.actions));
  return {
    can: (action: string) => set.value.has(action),
    /** How strictly an operation is confirmed: the tier is the server's; what it does not name is asked about. */
    tier: (operation: string): number => session.tiers[operation] ?? 2,
    canAny: (...actions: string[]) => actions.some((a) => set.value.has(a)),
  };
}
