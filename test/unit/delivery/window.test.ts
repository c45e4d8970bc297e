/** Goal: never more attempts than the window, and neither lane starves the other. Method: a model of the runner's moves. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Window } from "../../../src/delivery/window.ts";

describe("a window", () => {
  it("gives every slot to first attempts while no retry is due", () => {
    const window = new Window(64);
    expect(window.firstSlots(false)).toBe(64);
    window.claim(64);
    window.received(10);
    expect(window.firstSlots(false)).toBe(54);
  });

  it("keeps a quarter for retries while they are due", () => {
    const window = new Window(64);
    window.received(1);
    window.end("first");
    expect(window.firstSlots(true)).toBe(48);
    expect(window.retrySlots(false)).toBe(16);
  });

  it("lends the slots of an idle first lane to retries, but for one", () => {
    const window = new Window(64);
    window.claim(64);
    window.received(0);
    expect(window.retrySlots(false)).toBe(63);
    window.startRetries(63);
    expect(window.firstSlots(true)).toBe(1);
  });

  it("lends all slots to retries while receive is held back by a bound", () => {
    expect(new Window(8).retrySlots(true)).toBe(8);
  });

  it("asks for the end of a receive that claims every slot when a retry is due", () => {
    const window = new Window(4);
    window.claim(4);
    expect(window.shouldEndReceive()).toBe(true);
    window.received(0);
    expect(window.shouldEndReceive()).toBe(false);
  });

  it("takes turns with a single slot", () => {
    const window = new Window(1);
    window.received(1);
    window.end("first");
    expect([window.firstSlots(true), window.retrySlots(false)]).toEqual([0, 1]);
    window.startRetries(1);
    window.end("retry");
    expect([window.firstSlots(true), window.retrySlots(false)]).toEqual([1, 0]);
  });

  it("never runs more than its size, whatever happens in whatever order", () => {
    const moves = fc.array(fc.record({ move: fc.integer({ min: 0, max: 4 }), due: fc.boolean(), n: fc.nat(64) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32 }), moves, (max, steps) => {
        const window = new Window(max);
        const running = { first: 0, retry: 0 };
        let claimed = 0;
        for (const { move, due, n } of steps) {
          if (move === 0 && claimed === 0) {
            claimed = window.firstSlots(due);
            window.claim(claimed);
          } else if (move === 1 && claimed > 0) {
            const received = Math.min(n, claimed);
            window.received(received);
            running.first += received;
            claimed = 0;
          } else if (move === 2) {
            const started = Math.min(n, window.retrySlots(due));
            window.startRetries(started);
            running.retry += started;
          } else if (move === 3 && running.first > 0) {
            window.end("first");
            running.first -= 1;
          } else if (move === 4 && running.retry > 0) {
            window.end("retry");
            running.retry -= 1;
          }
          expect(running.first + running.retry + claimed).toBeLessThanOrEqual(max);
          expect(window.running).toBe(running.first + running.retry);
        }
      }),
    );
  });
});
