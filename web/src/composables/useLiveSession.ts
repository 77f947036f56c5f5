import { onScopeDispose, watch } from "vue";
import { api, unwrap } from "@/api/client";
import type { AuditChain } from "@/api/types";
import { useCatalog } from "@/stores/catalog";
import { useChain } from "@/stores/chain";
import { useLive } from "@/stores/live";
import { useSession } from "@/stores/session";
import { useEvents } from "./useEvents";

const settleMs = 300;
const headMs = 500;

/** Follows the server while somebody is signed in, and keeps true what several pages share: rights, models, the log's head. */
export function useLiveSession(): void {
  const session = useSession();
  const catalog = useCatalog();
  const chain = useChain();
  const live = useLive();
  let policy = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let headTimer: ReturnType<typeof setTimeout> | undefined;
  let head: AuditChain["head"] | null = null;

  /** A busy log moves many times a second; nobody reads that fast. */
  function moveHead(): void {
    headTimer = undefined;
    if (head) chain.moved(head);
  }

  /** A refusal of the stream does not say why. If the session is over this call says so, and the client signs out. */
  const refused = () => void unwrap(api.GET("/api/v1/auth/me")).catch(() => {});

  watch(
    () => (session.state === "in" ? session.id : ""),
    (id) => {
      policy = 0;
      if (id) live.start(id, refused);
      else live.stop();
    },
    { immediate: true },
  );

  useEvents({
    session: (end) => end.ended && session.state === "in" && session.close(),
    policy: ({ version }) => {
      if (policy !== 0 && version !== policy) void session.refresh();
      policy = version;
    },
    user: ({ id }) => id === session.user?.id && void session.refresh(),
    models: ({ id, state }) => {
      const known = catalog.models.find((m) => m.id === id);
      if (catalog.models.length === 0 || (known?.state ?? "gone") === state) return;
      clearTimeout(timer);
      timer = setTimeout(() => void catalog.load(), settleMs);
    },
    audit: (row) => {
      head = { seq: row.seq, hash: row.hash, at: row.at };
      headTimer ??= setTimeout(moveHead, headMs);
    },
  });

  onScopeDispose(() => {
    clearTimeout(timer);
    clearTimeout(headTimer);
    live.stop();
  });
}
