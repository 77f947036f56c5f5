import { defineStore } from "pinia";
import { takeLead } from "@/lib/leader";
import { dispatch, type Handlers, type LiveEvent } from "@/lib/liveEvents";
import { openStream } from "@/lib/liveStream";

/**
 * What happens on the server, as it happens: one stream for all tabs of a session. The leading tab has it and passes on
 * what comes; every tab remembers the last id, so that whichever leads next goes on from there.
 */
export const useLive = defineStore("live", () => {
  const listeners = new Set<Handlers>();
  let stop: (() => void) | null = null;

  function on(handlers: Handlers): () => void {
    listeners.add(handlers);
    return () => void listeners.delete(handlers);
  }

  /** Follows for the session until stopped. `refused` is told when the server gives no stream. */
  function start(session: string, refused: () => void): void {
    halt();
    const name = "gh.events." + session;
    const tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name);
    let lastId = "";

    function show(event: LiveEvent): void {
      if (event.id) lastId = event.id;
      for (const handlers of [...listeners]) dispatch(event, handlers);
    }
    function lead(): () => void {
      let fresh = lastId === "";
      const take = (event: LiveEvent): void => {
        const list: LiveEvent[] = fresh ? [event, { type: "fresh", data: null, id: event.id }] : [event];
        fresh = false;
        for (const e of list) {
          tabs?.postMessage(e);
          show(e);
        }
      };
      return openStream({ after: lastId, take, refused });
    }

    if (tabs) tabs.onmessage = (message: MessageEvent<LiveEvent>) => show(message.data);
    const yieldLead = takeLead(name, lead);
    stop = () => {
      yieldLead();
      tabs?.close();
    };
  }

  function halt(): void {
    stop?.();
    stop = null;
  }

  /** Has this tab read anew what it shows: something was done that no event tells of yet. */
  function reread(): void {
    for (const handlers of [...listeners]) dispatch({ type: "reset", data: { id: 0 }, id: "" }, handlers);
  }

  return { on, start, stop: halt, reread };
});
