import { describe, expect, it } from "vitest";
import { Turns } from "../../../src/delivery/turns.ts";
import { ATTEMPTS_RUNNING_MAX } from "../../../src/limits.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A clock whose `soon` is the test's to run. */
class TurnClock extends ManualClock {
  readonly #planned: (() => void)[] = [];

  override soon(callback: () => void): void {
    this.#planned.push(callback);
  }

  /** One turn of the loop; false when nothing was planned. */
  turn(): boolean {
    const planned = this.#planned.splice(0);
    for (const callback of planned) callback();
    return planned.length > 0;
  }
}

function open() {
  const clock = new TurnClock();
  const turns = new Turns(clock);
  const order: string[] = [];
  /** Has so many attempts to start. */
  const member = (name: string, starts: number, owed: number) => {
    const seat = turns.join({
      starts,
      work: (budget) => {
        const started = Math.min(budget, owed);
        owed -= started;
        for (let n = 0; n < started; n += 1) order.push(name);
        return started;
      },
    });
    seat.plan();
    return seat;
  };
  return { clock, order, member };
}

describe("turns between subscriptions", () => {
  it("give each its starts in every round, until it has nothing left", () => {
    const { clock, order, member } = open();
    member("a", 2, 5);
    member("b", 1, 3);
    while (clock.turn());
    expect(order.join("")).toBe("aabaabab");
  });

  it("handle what came in between two rounds", () => {
    const { clock, order, member } = open();
    member("a", 1, 1_000);
    clock.turn();
    member("b", 1, 1);
    clock.turn();
    expect(order).toEqual(["a", "a", "b"]);
  });

  it("start no more than may run at once, and share out what becomes free", () => {
    const { clock, order, member } = open();
    const greedy = member("a", ATTEMPTS_RUNNING_MAX * 2, ATTEMPTS_RUNNING_MAX + 10);
    clock.turn();
    const late = member("b", 16, 10);
    while (clock.turn());
    expect(order).toHaveLength(ATTEMPTS_RUNNING_MAX);
    order.length = 0;
    for (let n = 0; n < 4; n += 1) {
      (n % 2 === 0 ? greedy : late).ended();
      while (clock.turn());
    }
    expect(order).toHaveLength(4);
    expect(order).toContain("b");
  });
});
