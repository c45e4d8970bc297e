/**
 * What others do with the rows of a subscription while its runner works: dead letters are redriven or discarded, a
 * replay parks events. They do it in the store, and the runner counts it here when it is done. An outcome of the same
 * rows may have been on its way, so the rows are counted anew after it.
 */
import type { Clock } from "../runtime/clock.ts";
import type { MovedDeadLetter, Park, Store } from "../store/port.ts";
import type { DueLane } from "./due-lane.ts";
import type { KeyOrder } from "./key-order.ts";
import type { Recount } from "./recount.ts";
import type { RowTally } from "./row-tally.ts";

export interface InterventionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly tally: RowTally;
  readonly order: KeyOrder | undefined;
  readonly retries: DueLane;
  readonly recount: Recount;
  readonly onChanged: () => void;
}

export class Interventions {
  readonly #options: InterventionsOptions;

  constructor(options: InterventionsOptions) {
    this.#options = options;
  }

  /** Dead letters are parked again by `change`, due now or behind others of their key, or deleted by it. */
  move(
    action: "redrive" | "discard",
    change: () => Promise<readonly MovedDeadLetter[]>,
  ): Promise<readonly MovedDeadLetter[]> {
    const { tally, order, retries, clock } = this.#options;
    return this.#count(change, (moved) => {
      tally.deadLetters -= moved.length;
      retries.expect(clock.now());
      if (action === "discard") return order?.discarded(moved);
      order?.redriven(moved);
      tally.parked += moved.length;
    });
  }

  /** Parks what a replay read, due at its time or behind others of its key. */
  replay(rows: readonly Park[]): Promise<void> {
    const { store, tally, order, retries } = this.#options;
    const tell = (): void => {
      for (const { key, scheduled, dueAt } of rows) {
        if (key !== undefined) order?.joined(key);
        tally[scheduled ? "scheduled" : "parked"] += 1;
        retries.expect(dueAt);
      }
    };
    return this.#count(() => store.park(rows), tell);
  }

  async #count<Change>(change: () => Promise<Change>, tell: (change: Change) => void): Promise<Change> {
    const changed = await this.#options.recount.whileOthersChange(change, tell);
    this.#options.onChanged();
    return changed;
  }
}
