/** The next of 1, 1.5, 2, 3, 5, 7.5, 10, 15 … at or above a number, whole: a round end for an axis. */
export function roundMax(n: number): number {
  if (!(n > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((step) => step * power).find((end) => end >= n && Number.isInteger(end)) ?? 10 * power;
}

/** A piece of a bar, as a rectangle. Small ones are still seen. */
export interface Piece {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface BarShape {
  pieces: (Piece | null)[];
  /** The whole slot, for pointers. */
  slot: Piece;
}

const least = 1.5;

/** Bars of stacked values, the first at the bottom, in a box of a width and a height. */
export function barShapes(bars: readonly (readonly number[])[], max: number, width: number, height: number): BarShape[] {
  const slot = width / Math.max(1, bars.length);
  const gap = Math.min(6, slot * 0.22);
  return bars.map((values, i) => {
    let top = height;
    const pieces = values.map((value) => {
      if (!(value > 0) || !(max > 0)) return null;
      const tall = Math.min(top, Math.max(least, (value / max) * height));
      top -= tall;
      return { x: i * slot + gap / 2, y: top, width: Math.max(1, slot - gap), height: tall };
    });
    return { pieces, slot: { x: i * slot, y: 0, width: slot, height } };
  });
}

/** The first moment of somebody's day and how many hours it has: 23 or 25 where clocks change. */
export function localDay(now: Date): { from: Date; hours: number } {
  const from = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const next = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  return { from, hours: Math.min(25, Math.max(1, Math.round((next.getTime() - from.getTime()) / 3_600_000))) };
}
