import { describe, expect, it } from "vitest";
import type { SystemCheck } from "@/api/types";
import { mountFor } from "@/lib/mountFor";
import CheckRow from "./CheckRow.vue";

const check = (over: Partial<SystemCheck>): SystemCheck => ({ name: "disk", code: "disk_low", status: "warn", params: { percent: 4, bytes: 5 * 2 ** 30 }, detail: "4 % is free", do: "make room", command: "", notes: [], ...over });

describe("CheckRow", () => {
  it("says what was found, what to do and the line that does it", async () => {
    const { host, done } = await mountFor(CheckRow, { check: check({ command: "df -h /srv" }) });
    expect(host.textContent).toContain("4 % is free, 5.4\u00a0GB.");
    expect(host.textContent).toContain("Make room.");
    expect(host.querySelector("code")?.textContent).toBe("df -h /srv");
    expect(host.querySelector(".warn .st")?.textContent).toContain("Worth a look");
    done();
  });
  it("tells a finding that it has no words for in the server’s", async () => {
    const { host, done } = await mountFor(CheckRow, { check: check({ code: "of_a_newer_server", detail: "the moon is full", do: "wait" }) }, { language: "zh-CN" });
    expect(host.textContent).toContain("the moon is full");
    expect(host.textContent).toContain("wait");
    expect(host.textContent).toContain("磁盘");
    done();
  });
});
