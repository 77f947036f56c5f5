/**
 * Runs `lead` in exactly one tab of the browser; another takes over when that one closes. `lead` answers what stops it.
 * Where there are no locks between tabs each leads for itself. Answers what gives the lead back, or the wait for it.
 */
export function takeLead(name: string, lead: () => () => void): () => void {
  if (!navigator.locks) return lead();
  const waiting = new AbortController();
  let done = false;
  let stop: (() => void) | null = null;
  let release: () => void = () => {};
  const held = () =>
    new Promise<void>((resolve) => {
      if (done) return resolve();
      release = resolve;
      stop = lead();
    });
  navigator.locks.request(name, { signal: waiting.signal }, held).catch(() => {
    // Given up while waiting, which is ours; or locks are shut to this page: then it leads for itself.
    if (!done) stop = lead();
  });
  return () => {
    done = true;
    stop?.();
    release();
    waiting.abort();
  };
}
