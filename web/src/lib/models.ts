import type { EventModel, Model, ModelRoom } from "@/api/types";

/** What a list of models becomes when the server tells of one; null where only reading it again can tell. */
export function patched(models: readonly Model[], e: EventModel): Model[] | null {
  const at = models.find((m) => m.id === e.id);
  if (e.state === "gone") return at ? models.filter((m) => m.id !== e.id) : [...models];
  if (!at || e.state !== at.state || e.state !== "loading") return at && e.state === at.state && e.state === "ready" ? [...models] : null;
  return models.map((m) => (m.id === e.id ? { ...m, stage: e.stage ?? m.stage, progress: e.progress ?? m.progress } : m));
}

/** Of a model that loads: whole percent, never 100 before it is ready. */
export function percentOf(m: Pick<Model, "progress">): number {
  return Math.min(99, Math.floor((m.progress ?? 0) * 100));
}

/** About how long loading still takes, by how long it took so far; null while that says nothing. */
export function msLeft(m: Pick<Model, "progress" | "state_since" | "stage">, now: number): number | null {
  const done = m.progress ?? 0;
  if (!m.state_since || done < 0.05 || m.stage === "waiting") return null;
  const spent = now - Date.parse(m.state_since);
  return spent > 500 ? (spent * (1 - done)) / done : null;
}

/** Where a model computes, null where that is not told. What it has on a GPU may be all of it or some layers. */
export function deviceOf(m: Pick<Model, "device"> & Partial<Pick<Model, "layers" | "layers_of">>): { gpu: boolean; name: string; part: "whole" | "some" | "none"; layers: number; of: number } | null {
  if (m.device === null) return null;
  const gpu = m.device !== "cpu";
  const [layers, of] = [m.layers ?? 0, m.layers_of ?? 0];
  return { gpu, name: gpu ? m.device.slice(m.device.indexOf(":") + 1) : "", part: !gpu || of === 0 ? "none" : layers < of ? "some" : "whole", layers, of };
}

/** What a model was held to need and what it holds, of the machine and of a GPU; a row that nobody knows is left out. */
export function memoryRows(m: Pick<Model, "needs" | "needs_device" | "memory">): { key: "predicted" | "held"; host: number; device: number }[] {
  const rows: ReturnType<typeof memoryRows> = [];
  if (m.needs !== null) rows.push({ key: "predicted", host: m.needs, device: m.needs_device ?? 0 });
  if (m.memory) rows.push({ key: "held", host: m.memory.total, device: m.memory.device });
  return rows;
}

/** The parts of what a model holds, the largest first; what is nothing is left out. */
export function memoryParts(memory: NonNullable<Model["memory"]>): { key: "weights" | "packed" | "cache" | "compute" | "output"; bytes: number; share: number }[] {
  const keys = ["weights", "packed", "cache", "compute", "output"] as const;
  return keys
    .map((key) => ({ key, bytes: memory[key], share: memory.total > 0 ? memory[key] / memory.total : 0 }))
    .filter((p) => p.bytes > 0)
    .sort((a, b) => b.bytes - a.bytes);
}

/** What each model takes of the memory for models, the largest first, as shares of it; null while that is not known. */
export function roomParts(models: readonly Model[], room: ModelRoom | null): { total: number; used: number; free: number; parts: { id: string; bytes: number; share: number }[] } | null {
  if (!room || room.total <= 0) return null;
  const parts = models
    .flatMap((m) => (m.memory ? [{ id: m.id, bytes: m.memory.total, share: Math.min(1, m.memory.total / room.total) }] : []))
    .sort((a, b) => b.bytes - a.bytes);
  return { total: room.total, used: room.used, free: Math.max(0, room.total - room.used), parts };
}

/** The same of a GPU: what others took of it is neither used nor free. */
export function boardParts(models: readonly Model[], board: ModelRoom["devices"][number]): NonNullable<ReturnType<typeof roomParts>> {
  const parts = models
    .flatMap((m) => (m.memory && m.memory.device > 0 && m.device === board.name && board.total > 0 ? [{ id: m.id, bytes: m.memory.device, share: Math.min(1, m.memory.device / board.total) }] : []))
    .sort((a, b) => b.bytes - a.bytes);
  return { total: board.total, used: board.used, free: board.free, parts };
}

/** One word for what the list says of all: worst first. */
export function fleet(models: readonly Model[]): { key: "none" | "failed" | "loading" | "unloaded" | "ready"; n: number } {
  const failed = models.filter((m) => m.state === "failed").length;
  const loading = models.filter((m) => m.state === "loading").length;
  if (models.length === 0) return { key: "none", n: 0 };
  if (failed > 0) return { key: "failed", n: failed };
  if (loading > 0) return { key: "loading", n: loading };
  const out = models.filter((m) => m.state === "unloaded").length;
  if (out > 0) return { key: "unloaded", n: out };
  return { key: "ready", n: models.length };
}
