import { onScopeDispose } from "vue";
import type { Handlers } from "@/lib/liveEvents";
import { useLive } from "@/stores/live";

/** Calls the handlers for what happens on the server, for as long as the component lives. */
export function useEvents(handlers: Handlers): void {
  onScopeDispose(useLive().on(handlers));
}
