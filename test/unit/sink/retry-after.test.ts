import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRetryAfter } from "../../../src/sink/retry-after.ts";

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);

describe("Retry-After", () => {
  it.each([
    ["0", 0],
    ["1", 1_000],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["007", 7_000],
    ["Sat, 31 Jan 2026 12:00:30 GMT", 30_000],
    ["Saturday, 31-Jan-26 12:01:00 GMT", 60_000],
    ["Sat Jan 31 12:00:05 2026", 5_000],
    ["Sun Feb  1 12:00:00 2026", 86_400_000],
    ["Sat, 31 Jan 2026 12:00:00 GMT", 0],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 0],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 0],
    ["Sun Nov  6 08:49:37 1994", 0],
    ["Thu, 31 Dec 2026 23:59:60 GMT", Date.UTC(2027, 0, 1) - NOW],
  ])("%j is a wait of %i ms", (text, ms) => {
    expect(parseRetryAfter(text, NOW)).toBe(ms);
  });

  it("takes the two digits of a year as at most 50 years ahead", () => {
    expect(parseRetryAfter("Friday, 31-Jan-76 12:00:00 GMT", NOW)).toBe(Date.UTC(2076, 0, 31, 12) - NOW);
    expect(parseRetryAfter("Monday, 31-Jan-77 12:00:00 GMT", NOW)).toBe(0);
  });

  it.each([
    ...["", "-1", "1.5", "1e3", "0x10", "soon", "10s", "1 2", "٣"],
    ...[
      "2026-01-31T12:00:30Z",
      "31 Jan 2026 12:00:30 GMT",
      "Sat, 31 Jan 2026 12:00:30",
      "Sat, 31 Jan 2026 12:00:30 UTC",
    ],
    ...["Sat, 31 Jan 2026 12:00:30 +0000", "Sat, 1 Feb 2026 12:00:30 GMT", "Sat, 31 jan 2026 12:00:30 GMT"],
    ...["Sat, 32 Jan 2026 12:00:30 GMT", "Sat, 00 Jan 2026 12:00:30 GMT", "Mon, 30 Feb 2026 12:00:30 GMT"],
    ...["Sat, 31 Jan 2026 24:00:00 GMT", "Sat, 31 Jan 2026 12:60:00 GMT", "Sat, 31 Jan 2026 12:00:61 GMT"],
    ...["Sat, 31 Jan 2026 12:00:30 GMT, 5", "Saturday, 31-Jan-2026 12:00:30 GMT", "Sat Jan 1 12:00:00 2026"],
  ])("%j is none", (text) => {
    expect(parseRetryAfter(text, NOW)).toBeUndefined();
  });

  it("never is negative, infinite or not a number, whatever the sink sends", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,400}$/), fc.date({ noInvalidDate: true }).map(String));
    fc.assert(
      fc.property(text, (value) => {
        const ms = parseRetryAfter(value, NOW);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });

  it("understands every date that toUTCString writes", () => {
    const date = fc.date({ min: new Date(NOW), max: new Date(Date.UTC(9999, 0)), noInvalidDate: true });
    fc.assert(
      fc.property(date, (then) => {
        const seconds = Math.floor(then.getTime() / 1_000) * 1_000;
        expect(parseRetryAfter(then.toUTCString(), NOW)).toBe(Math.max(0, seconds - NOW));
      }),
    );
  });
});
