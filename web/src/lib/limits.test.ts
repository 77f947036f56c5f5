import { describe, expect, it } from "vitest";
import { readRange, splitRanges } from "./addresses";
import { readRate, writeRate } from "./rate";

describe("a rate", () => {
  it("is read in both spellings and every unit", () => {
    expect(readRate("100/min")).toEqual({ n: 100, unit: "min" });
    expect(readRate("100req/min")).toEqual({ n: 100, unit: "min" });
    expect(readRate("10次/分钟")).toEqual({ n: 10, unit: "min" });
    expect(["5/s", "5/sec", "5/秒", "5/h", "5/hour", "5/小时", "5/d", "5/day", "5/天"].map((r) => readRate(r)?.unit)).toEqual(["s", "s", "s", "h", "h", "h", "day", "day", "day"]);
  });
  it("is refused where the server refuses it", () => {
    for (const wrong of ["", "0/min", "010/min", "-1/min", "1.5/min", "100", "100/week", "100 /min", "100requests/min", "1000000001/s"]) expect(readRate(wrong), wrong).toBeNull();
  });
  it("is written from a field, and an empty field asks for none", () => {
    expect([writeRate("60", "min"), writeRate(" 60 ", "h"), writeRate("", "min"), writeRate("6x", "min"), writeRate("0", "s")]).toEqual(["60/min", "60/h", "", null, null]);
  });
});

describe("a range of addresses", () => {
  it("is an address or a prefix of either family, with its size where that can be counted", () => {
    expect(readRange("10.20.0.0/16")).toEqual({ text: "10.20.0.0/16", size: 65_536 });
    expect(readRange("10.20.4.17")?.size).toBe(1);
    expect(readRange("0.0.0.0/0")?.size).toBe(4_294_967_296);
    expect(readRange("FD00::/8")).toEqual({ text: "fd00::/8", size: null });
    expect(readRange("2001:db8::1")?.size).toBe(1);
    expect(readRange("::ffff:10.0.0.0/104")?.text).toBe("::ffff:10.0.0.0/104");
  });
  it("is refused with bits behind its length, zones, leading zeros and other spellings", () => {
    for (const wrong of ["", "10.1.2.3/8", "10.0.0.0/33", "10.0.0/8", "010.0.0.0/8", "256.0.0.0", "fe80::1%eth0", "2001:db8::1/32", "1:2:3:4:5:6:7", "1::2::3", "10.0.0.0/8/8", "10.0.0.0/", "10.0.0.0/08", "ward"]) expect(readRange(wrong), wrong).toBeNull();
  });
  it("is taken out of what was pasted", () => {
    expect(splitRanges(" 10.0.0.0/8, fd00::/8\n10.1.0.1、10.1.0.2 ")).toEqual(["10.0.0.0/8", "fd00::/8", "10.1.0.1", "10.1.0.2"]);
  });
});
