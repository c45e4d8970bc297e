import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PulsebusError } from "../../src/errors.ts";
import { formatDuration, formatSize, parseDuration, parseDurationBetween, parseSize } from "../../src/units.ts";

describe("durations", () => {
  it.each([
    ["0s", 0],
    ["250ms", 250],
    ["15s", 15_000],
    ["2m", 120_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["007s", 7_000],
  ])("reads %s as %d ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "15", "s", "1.5s", "1h30m", "-1s", "15 s", "15S", "15sec", " 15s", "1e3s", "9007199254740992ms", "٣s"])(
    "refuses %j and names the accepted forms",
    (text) => {
      expect(() => parseDuration(text, "/delivery/timeout")).toThrow(
        new PulsebusError(
          "invalid-request",
          `delivery.timeout: ${JSON.stringify(text)} is not a duration: write a whole number and a unit (ms, s, m, h, d), such as 250ms, 15s or 24h`,
          { at: "/delivery/timeout" },
        ),
      );
    },
  );

  it("names the bounds of one that is out of them", () => {
    expect(() => parseDurationBetween("11m", 1, 600_000, "/timeout")).toThrow("timeout: must be from 1ms to 10m");
  });

  it.each([
    [0, "0ms"],
    [1, "1ms"],
    [1_500, "1500ms"],
    [90_000, "90s"],
    [86_400_000, "1d"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it("reads back what it writes", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe("sizes", () => {
  it.each([
    ["1048576", 1_048_576],
    ["12B", 12],
    ["64KiB", 65_536],
    ["10GiB", 10_737_418_240],
    ["2TiB", 2_199_023_255_552],
  ])("reads %s as %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "KiB", "64KB", "64k", "1.5GiB", "-1", "64 KiB", "9007199254740993"])(
    "refuses %j and names the accepted forms",
    (text) => {
      expect(() => parseSize(text)).toThrow(
        `${JSON.stringify(text)} is not a size: write bytes, or a whole number and a unit (B, KiB, MiB, GiB, TiB), such as 1048576, 64KiB or 10GiB`,
      );
    },
  );

  it("reads back what it writes", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});
