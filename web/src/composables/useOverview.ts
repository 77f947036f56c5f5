import { computed, onScopeDispose, watch } from "vue";
import { api, unwrap } from "@/api/client";
import { toApiError } from "@/api/error";
import { localDay } from "@/lib/chart";
import { useChain } from "@/stores/chain";
import { useEvents } from "./useEvents";
import { useResource } from "./useResource";

/** Reading again costs the server little, but not nothing: a stream of verdicts is one reading each so many seconds. */
const pauseMs = 4_000;
const everyMs = 30_000;

/** The overview of the person's own day. It is read again soon after something happened, and never while the page is out of view. */
export function useOverview() {
  const resource = useResource(
    async (signal) => {
      const day = localDay(new Date());
      const query = { from: day.from.toISOString(), hours: day.hours };
      try {
        return await unwrap(api.GET("/api/v1/overview", { params: { query }, signal }));
      } catch (thrown) {
        // A clock that is days off asks for nobody's day: the server's own is better than none.
        if (toApiError(thrown).code !== "invalid") throw thrown;
        return await unwrap(api.GET("/api/v1/overview", { signal }));
      }
    },
    { everyMs },
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (document.visibilityState === "visible") void resource.reload();
    }, Math.max(400, pauseMs - (Date.now() - resource.loadedAt.value)));
  };
  useEvents({ verdict: soon, audit: soon, models: soon, key: soon, user: soon, reset: soon, fresh: soon });
  const chain = useChain();
  watch(() => chain.chain?.verified?.checked_at, (now, before) => now !== before && soon()); // a walk leaves no row to be told of
  const seen = (): void => {
    if (document.visibilityState === "visible") soon();
  };
  document.addEventListener("visibilitychange", seen);
  onScopeDispose(() => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  });
  /** Whether the figures are of the day that this clock shows. */
  const own = computed(() => resource.data.value !== null && Date.parse(resource.data.value.today.from) === localDay(new Date(resource.loadedAt.value)).from.getTime());
  return { ...resource, own };
}
