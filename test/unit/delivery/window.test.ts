import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Lane, Window } from "../../../src/delivery/window.ts";

const UNLIMITED = Number.POSITIVE_INFINITY;

/** Starts attempts of a lane for as long as they may; answers how many did. */
function fill(window: Window, lane: Lane, other: "ready" | "open" | "closed"): number {
  let started = 0;
  for (; window.mayStart(lane, other, UNLIMITED); started += 1) window.start(lane);
  return started;
}

describe("the window", () => {
  it("gives every slot to first attempts while no retry is due", () => {
    const window = new Window(8);
    expect(window.receivable(false, 0)).toBe(8);
    expect(fill(window, "first", "open")).toBe(8);
    expect(window.receivable(false, 0)).toBe(0);
  });

  it("keeps a quarter of the slots for retries while both lanes have something to do", () => {
    const window = new Window(8);
    expect(fill(window, "retry", "ready")).toBe(2);
    expect(fill(window, "first", "ready")).toBe(6);
  });

  it("leaves one slot for what may be received while retries have the rest", () => {
    const window = new Window(8);
    expect(fill(window, "retry", "open")).toBe(7);
    expect(window.mayStart("first", "ready", UNLIMITED)).toBe(true);
  });

  it("gives retries every slot while nothing is received", () => {
    expect(fill(new Window(8), "retry", "closed")).toBe(8);
  });

  it("has the lanes take turns for a single slot", () => {
    const window = new Window(1);
    const order: Lane[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const lane = window.mayStart("retry", "ready", UNLIMITED) ? "retry" : "first";
      expect(window.mayStart(lane, "ready", UNLIMITED)).toBe(true);
      order.push(lane);
      window.start(lane);
      window.end(lane);
    }
    expect(order).toEqual(["retry", "first", "retry", "first"]);
  });

  it("has one first attempt received in time for its turn while retries have the single slot", () => {
    const window = new Window(1);
    window.start("retry");
    expect(window.receivable(true, 0)).toBe(1);
    expect(window.receivable(true, 1)).toBe(0);
  });

  it("has the lanes take turns where a rate limit lets one attempt start at a time", () => {
    const window = new Window(8);
    window.start("retry");
    expect(window.mayStart("retry", "ready", 1)).toBe(false);
    expect(window.mayStart("first", "ready", 1)).toBe(true);
    expect(window.mayStart("first", "ready", 0)).toBe(false);
  });

  it("never lets more attempts run than its size, and never leaves a slot free that a lane wants", () => {
    const step = fc.record({ lane: fc.constantFrom<Lane>("first", "retry"), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 200 }), (max, steps) => {
        const window = new Window(max);
        const running: Lane[] = [];
        for (const { lane, ends } of steps) {
          const ended = ends ? running.pop() : undefined;
          if (ended !== undefined) window.end(ended);
          else if (window.mayStart(lane, "ready", UNLIMITED)) {
            window.start(lane);
            running.push(lane);
          }
          expect(window.running).toBe(running.length);
          expect(window.running).toBeLessThanOrEqual(max);
          const someoneMayStart =
            window.mayStart("first", "ready", UNLIMITED) || window.mayStart("retry", "ready", UNLIMITED);
          expect(someoneMayStart).toBe(window.running < max);
        }
      }),
    );
  });
});
