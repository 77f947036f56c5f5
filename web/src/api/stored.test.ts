import { describe, expect, it } from "vitest";
import { ApiError } from "./error";
import { stored } from "./stored";

const late = () => new ApiError("not_in_force", 503, "req_1", "");

describe("stored", () => {
  it("answers what the write answers", async () => {
    expect(await stored(Promise.resolve(4), () => 5)).toBe(4);
  });

  it("answers what is there now where the write is kept and not in force yet", async () => {
    expect(await stored(Promise.reject(late()), async () => 5)).toBe(5);
  });

  it("throws every other refusal, and reads nothing", async () => {
    let read = false;
    await expect(stored(Promise.reject(new ApiError("busy", 503, "", "")), () => (read = true))).rejects.toMatchObject({ code: "busy" });
    expect(read).toBe(false);
  });

  it("says that it is kept where reading it fails", async () => {
    await expect(stored(Promise.reject(late()), () => Promise.reject(new TypeError("failed to fetch")))).rejects.toMatchObject({ code: "not_in_force" });
  });
});
