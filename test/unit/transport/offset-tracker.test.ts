/** Goal: the committed offset never passes an open one. Method: random histories beside a model that keeps every offset. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OffsetTracker } from "../../../src/transport/offset-tracker.ts";

describe("an offset tracker", () => {
  it("commits the start while nothing was received", () => {
    expect(new OffsetTracker(7n).floor).toBe(7n);
  });

  it("holds the floor at the oldest open offset, whatever is settled above it", () => {
    const tracker = new OffsetTracker(0n);
    for (const offset of [0n, 1n, 2n]) tracker.receive(offset);
    tracker.settle(2n);
    tracker.settle(1n);
    expect(tracker.floor).toBe(0n);
    tracker.settle(0n);
    expect(tracker.floor).toBe(3n);
  });

  it("passes gaps of compaction once what is before them is settled", () => {
    const tracker = new OffsetTracker(10n);
    tracker.receive(15n);
    tracker.receive(90n);
    tracker.settle(15n);
    expect(tracker.floor).toBe(90n);
    tracker.settle(90n);
    tracker.passTo(100n); // a transaction marker at the end
    expect(tracker.floor).toBe(100n);
  });

  it("refuses what was received or passed before", () => {
    const tracker = new OffsetTracker(5n);
    expect(tracker.receive(4n)).toBe(false);
    expect(tracker.receive(5n)).toBe(true);
    expect(tracker.receive(5n)).toBe(false);
    tracker.passTo(9n);
    expect(tracker.receive(8n)).toBe(false);
  });

  it("settles an offset once, and none that it never gave out", () => {
    const tracker = new OffsetTracker(0n);
    tracker.receive(0n);
    expect(tracker.settle(1n)).toBe(false);
    expect(tracker.settle(0n)).toBe(true);
    expect(tracker.settle(0n)).toBe(false);
  });

  it("agrees with a model that remembers every offset", () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), agreesWithModel));
  });

  it("stays fast with many open offsets and a floor that is read often", () => {
    const tracker = new OffsetTracker(0n);
    for (let offset = 0n; offset < 50_000n; offset += 1n) tracker.receive(offset);
    for (let offset = 0n; offset < 50_000n; offset += 1n) {
      tracker.settle(offset);
      if (offset % 10n === 0n) expect(tracker.floor === offset + 1n).toBe(true);
    }
    expect(tracker.openCount).toBe(0);
  });
});

const step = fc.oneof(
  fc.record({ how: fc.constant("receive" as const), by: fc.integer({ min: -3, max: 9 }) }),
  fc.record({ how: fc.constant("pass" as const), by: fc.integer({ min: -3, max: 9 }) }),
  fc.record({ how: fc.constant("settle" as const), by: fc.integer({ min: 0, max: 60 }) }),
);

function agreesWithModel(steps: readonly { how: "receive" | "pass" | "settle"; by: number }[]): void {
  const tracker = new OffsetTracker(0n);
  const state: ("open" | "done")[] = []; // by offset; a gap is done
  for (const { how, by } of steps) {
    const offset = how === "settle" ? by : Math.max(0, state.length + by);
    if (how === "pass") {
      while (state.length < offset) state.push("done");
      tracker.passTo(BigInt(offset));
    } else if (how === "settle") {
      expect(tracker.settle(BigInt(offset))).toBe(state[offset] === "open");
      if (state[offset] === "open") state[offset] = "done";
    } else {
      const isNew = offset >= state.length;
      expect(tracker.receive(BigInt(offset))).toBe(isNew);
      while (state.length < offset) state.push("done");
      if (isNew) state.push("open");
    }
    const oldest = state.indexOf("open");
    expect(tracker.floor).toBe(BigInt(oldest === -1 ? state.length : oldest));
    expect(tracker.next).toBe(BigInt(state.length));
    expect(tracker.openCount).toBe(state.filter((one) => one === "open").length);
    expect(tracker.isOpen(BigInt(offset))).toBe(state[offset] === "open");
  }
}
