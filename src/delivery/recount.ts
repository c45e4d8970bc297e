/**
 * Counts anew from the store. A call that failed may have done its work all the same, and others may have changed the
 * same rows before it was repeated (a redrive, for example), so after that the counts kept in memory are in doubt. They
 * are read again at a moment at which nothing is being written, and taken when nothing was until they came.
 *
 * While others change rows nothing is read: the store is ahead of what they have told, and it would be counted twice.
 */
import { STORE_RETRY_MS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Store } from "../store/port.ts";
import type { KeyOrder } from "./key-order.ts";
import type { RowTally } from "./row-tally.ts";

export interface RecountOptions {
  readonly subscription: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tally: Pick<RowTally, "parked" | "scheduled" | "deadLetters">;
  readonly order: KeyOrder | undefined;
  /** Whether nothing is being written. */
  readonly isCalm: () => boolean;
}

export class Recount {
  readonly #options: RecountOptions;
  #isInDoubt = false;
  #isReading = false;
  #isClosed = false;
  /** Calls under way by which others change rows. */
  #foreign = 0;
  #cancelRetry: (() => void) | undefined;
  /** Grows with each change of what is counted. */
  #changes = 0;

  constructor(options: RecountOptions) {
    this.#options = options;
  }

  /** A call to the store failed, or others changed rows. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Others change rows by this call, and `tell` counts what they did. */
  async whileOthersChange<Change>(change: () => Promise<Change>, tell: (change: Change) => void): Promise<Change> {
    this.#foreign += 1;
    try {
      const changed = await change();
      tell(changed);
      return changed;
    } finally {
      this.#foreign -= 1;
      this.doubt();
      this.changed();
    }
  }

  /** What is counted has changed, or may have: a good time to look, when there is a reason. */
  changed(): void {
    this.#changes += 1;
    if (this.#isInDoubt && !this.#isReading && this.#isCalm) void this.#read();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
  }

  get #isCalm(): boolean {
    return !this.#isClosed && this.#foreign === 0 && this.#options.isCalm();
  }

  async #read(): Promise<void> {
    const { store, subscription, tally, order, logger, clock } = this.#options;
    const before = this.#changes;
    this.#isReading = true;
    this.#cancelRetry?.();
    try {
      const reading = order && store.heldKeys(subscription);
      const [counts, held] = await Promise.all([store.counts(subscription), reading]);
      if (before !== this.#changes || !this.#isCalm) return;
      const { parked, scheduled, deadLetters } = counts;
      Object.assign(tally, { parked, scheduled, deadLetters });
      if (held !== undefined) order?.recount(held);
      this.#isInDoubt = false;
    } catch (error) {
      logger.warn({ subscription, error: String(error) }, "rows could not be counted; trying again later");
    } finally {
      this.#isReading = false;
      // Nothing else may happen that would have it looked at again.
      if (this.#isInDoubt && !this.#isClosed) this.#cancelRetry = clock.timer(STORE_RETRY_MS_MAX, () => this.changed());
    }
  }
}
