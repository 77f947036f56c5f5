import type { Ref } from "vue";
import type { AuditEvent } from "@/api/types";
import { useShortcuts } from "./useShortcuts";

interface Opened {
  id: Readonly<Ref<string>>;
  up: Readonly<Ref<AuditEvent | null>>;
  down: Readonly<Ref<AuditEvent | null>>;
}

/** Next and previous row, close, and the opened row's own page. */
export function useAuditKeys(opened: Opened, items: Ref<AuditEvent[]>, act: { open: (event: AuditEvent) => void; close: () => void; page: (id: string) => void }): void {
  const next = () => {
    if (opened.down.value) act.open(opened.down.value);
    else if (opened.id.value === "" && items.value[0]) act.open(items.value[0]);
  };
  useShortcuts([
    { keys: "j", label: "keys.next", run: next },
    { keys: "k", label: "keys.previous", run: () => opened.up.value && act.open(opened.up.value) },
    { keys: "o", label: "audit.ownPage", run: () => opened.id.value && act.page(opened.id.value) },
    { keys: "Escape", label: "keys.close", run: () => opened.id.value && act.close() },
  ]);
}
