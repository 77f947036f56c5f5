import { describe, expect, it } from "vitest";
import { barShapes, localDay, roundMax } from "./chart";

describe("roundMax", () => {
  it("ends an axis at a round number at or above the largest bar", () => {
    expect([0, 1, 2, 3, 7, 10, 11, 480, 1290, 1500, 8570].map(roundMax)).toEqual([1, 1, 2, 3, 10, 10, 15, 500, 1500, 1500, 10000]);
    expect(roundMax(Number.NaN)).toBe(1);
  });
});

describe("barShapes", () => {
  it("stacks from the bottom, fills the box at the end of the axis and shows the smallest count", () => {
    const [full, mixed, none] = barShapes([[100], [50, 25], [0, 0]], 100, 300, 80);
    expect(full?.pieces[0]).toMatchObject({ y: 0, height: 80 });
    expect(mixed?.pieces.map((p) => p?.y)).toEqual([40, 20]);
    expect(none?.pieces).toEqual([null, null]);
    expect(barShapes([[1]], 10_000, 300, 80)[0]?.pieces[0]?.height).toBe(1.5);
  });
  it("stays inside the box, whatever comes", () => {
    for (const shape of barShapes([[1, 1, 1000], [Number.NaN], [5]], 5, 0, 60)) for (const p of shape.pieces) if (p) expect(p.y).toBeGreaterThanOrEqual(0);
  });
});

describe("localDay", () => {
  it("begins at local midnight and is as long as the clocks make it", () => {
    const day = localDay(new Date(2026, 10, 21, 15, 40));
    expect(day.from.getHours()).toBe(0);
    expect(day.from.getDate()).toBe(21);
    expect(day.hours).toBeGreaterThanOrEqual(23);
    expect(day.hours).toBeLessThanOrEqual(25);
  });
});
