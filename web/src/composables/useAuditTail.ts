import { computed, ref, shallowRef, watch, type Ref } from "vue";
import type { AuditEvent } from "@/api/types";
import { fits, type Wanted } from "@/lib/fits";
import { useEvents } from "./useEvents";

const most = 500;

interface Tail {
  items: Ref<AuditEvent[]>;
  loaded: Readonly<Ref<boolean>>;
  wanted: Ref<Wanted>;
  /** A list without filters shows every row of its time: a number that is not the next one was missed on the way here. */
  whole: Ref<boolean>;
  /** A list that begins with its oldest row, or that ended in the past, gets none. */
  on: Ref<boolean>;
  reload: () => Promise<void>;
  /** Whether somebody reads further down, where rows that come in at the top would move what he reads. */
  away: () => boolean;
}

/** Rows as they are written. They wait to be asked for, or come in at the top where the person follows. */
export function useAuditTail(tail: Tail) {
  const waiting = shallowRef<AuditEvent[]>([]);
  const follow = ref(false);
  const top = () => tail.items.value[0]?.seq ?? 0;

  /** Lets the waiting rows in; reads anew where the stream did not bring all of them. */
  async function take(): Promise<void> {
    const rows = [...waiting.value].sort((a, b) => b.seq - a.seq);
    const last = rows.at(-1);
    waiting.value = [];
    if (!last) return;
    const torn = tail.whole.value && (rows.length !== (rows[0]?.seq ?? 0) - last.seq + 1 || (top() > 0 && last.seq !== top() + 1));
    if (torn || rows.length >= most) return tail.reload();
    tail.items.value = [...rows, ...tail.items.value];
  }
  function settle(): void {
    if (follow.value && waiting.value.length > 0 && !tail.away()) void take();
  }
  function add(event: AuditEvent): void {
    if (!tail.loaded.value || !tail.on.value || waiting.value.length >= most || event.seq <= top() || !fits(event, tail.wanted.value)) return;
    if (waiting.value.some((e) => e.seq === event.seq)) return;
    waiting.value = [...waiting.value, event];
    settle();
  }
  function missed(): void {
    if (tail.loaded.value && tail.on.value) void tail.reload();
  }

  watch(tail.items, () => (waiting.value = waiting.value.filter((e) => e.seq > top())));
  watch(follow, settle);
  watch(tail.on, (on) => {
    if (!on) waiting.value = [];
  });
  useEvents({ audit: add, reset: missed });
  return { count: computed(() => waiting.value.length), follow, take, settle };
}
