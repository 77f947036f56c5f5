import { getCurrentScope, onScopeDispose, readonly, ref } from "vue";

/** The time, refreshed every so often, for "2 minutes ago". */
export function useNow(everyMs = 20_000) {
  const now = ref(Date.now());
  const timer = setInterval(() => (now.value = Date.now()), everyMs);
  if (getCurrentScope()) onScopeDispose(() => clearInterval(timer));
  return readonly(now);
}
