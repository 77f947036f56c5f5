import { nextTick } from "vue";
import { describe, expect, it } from "vitest";
import { mountFor } from "@/lib/mountFor";
import DayChart from "./DayChart.vue";

const start = new Date(2026, 10, 21).getTime();
const hours = Array.from({ length: 24 }, (_, i) => ({ start: new Date(start + i * 3_600_000).toISOString(), verdicts: i === 9 ? 120 : 0, controversial: i === 9 ? 4 : 0, unsafe: i === 9 ? 2 : 0, held: 0 }));

describe("DayChart", () => {
  it("draws two strips that say what they are, and the moment of now", async () => {
    const { host, done } = await mountFor(DayChart, { hours, now: start + 9.5 * 3_600_000 });
    const pictures = [...host.querySelectorAll("svg[role=img]")];
    expect(pictures.map((p) => p.getAttribute("aria-label"))).toEqual(["120 verdicts today, by hour; there is a table", "Flagged verdicts by hour; there is a table"]);
    expect(host.querySelectorAll(".now")).toHaveLength(2);
    expect(host.querySelectorAll(".f-count")).toHaveLength(1);
    expect(host.querySelector(".f-contro")?.getAttribute("fill")).toMatch(/^url\(#/);
    expect(host.textContent).toContain("150 per hour");
    done();
  });
  it("holds the same figures as a table", async () => {
    const { host, done } = await mountFor(DayChart, { hours, now: 0 });
    host.querySelector<HTMLButtonElement>("[data-test=chart-table]")?.click();
    await nextTick();
    const rows = [...host.querySelectorAll("tbody tr")].map((tr) => [...tr.children].map((c) => c.textContent));
    expect(rows).toHaveLength(24);
    expect(rows[9]).toEqual(["09:00", "120", "4", "2"]);
    expect(host.querySelectorAll(".now")).toHaveLength(0);
    done();
  });
});
