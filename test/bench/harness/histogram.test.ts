import fc from "fast-check";
import { expect, it } from "vitest";
import { EVENT_ID_PLACEHOLDER, readEventId, writeEventId } from "./event-id.ts";
import { LatencyHistogram } from "./histogram.ts";

it("tells percentiles within 4 % and never below the value", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 30 }), { minLength: 1, maxLength: 500 }), (values) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.record(value);
      const sorted = values.toSorted((a, b) => a - b);
      const exact = (share: number): number => sorted[Math.ceil(values.length * share) - 1] ?? 0;
      const { count, p50, p99, max } = histogram.percentiles();
      expect(count).toBe(values.length);
      expect(max).toBe(sorted.at(-1));
      for (const [told, value] of [
        [p50, exact(0.5)],
        [p99, exact(0.99)],
      ] as const) {
        expect(told).toBeGreaterThanOrEqual(value);
        expect(told).toBeLessThanOrEqual(value * 1.04);
      }
    }),
  );
});

it("writes event ids of a fixed width that are read back", () => {
  const id = fc.record({
    run: fc.integer({ min: 0, max: 9_999 }),
    sequence: fc.integer({ min: 0, max: 999_999_999 }),
    sentAtMicros: fc.integer({ min: 0, max: 9_999_999_999_999 }),
  });
  fc.assert(
    fc.property(id, (written) => {
      const bytes = Buffer.from(`<${EVENT_ID_PLACEHOLDER}>`);
      writeEventId(bytes, 1, written);
      expect(bytes.toString()).toMatch(/^<\d{4}-\d{9}-\d{16}>$/);
      expect(readEventId(bytes.toString(), 1)).toEqual(written);
    }),
  );
});
