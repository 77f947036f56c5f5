import type { VerdictRuntime } from "@/api/types";

/** Who computed, in the engine's own words, which are the same in every language. */
export function runtimeText(r: VerdictRuntime): string {
  const kernels = r.kernels === "none" ? [] : [r.kernels];
  return [r.device, ...kernels, "kv " + r.kv_cache, r.engine].join(" · ");
}
