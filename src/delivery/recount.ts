/**
 * Counts anew from the store. A call that failed may have done its work all the same, and others may have changed the
 * same rows before it was repeated (a redrive, for example), so after that the counts kept in memory are in doubt. They
 * are read again at a moment at which nothing is being written, and taken when nothing was until they came.
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
  readonly tally: RowTally;
  readonly order: KeyOrder | undefined;
  /** Whether nothing is being written. */
  readonly isCalm: () => boolean;
}

export class Recount {
  readonly #options: RecountOptions;
  #isInDoubt = false;
  #isReading = false;
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

  /** What is counted has changed, or may have: a good time to look, when there is a reason. */
  changed(): void {
    this.#changes += 1;
    if (this.#isInDoubt && !this.#isReading && this.#options.isCalm()) void this.#read();
  }

  close(): void {
    this.#isInDoubt = false;
    this.#cancelRetry?.();
  }

  async #read(): Promise<void> {
    const { store, subscription, tally, order, isCalm, logger, clock } = this.#options;
    const before = this.#changes;
    this.#isReading = true;
    this.#cancelRetry?.();
    try {
      const reading = order && store.heldKeys(subscription);
      const [counts, held] = await Promise.all([store.counts(subscription), reading]);
      if (before !== this.#changes || !isCalm()) return;
      const { parked, scheduled, deadLetters } = counts;
      Object.assign(tally, { parked, scheduled, deadLetters });
      if (held !== undefined) order?.recount(held);
      this.#isInDoubt = false;
    } catch (error) {
      logger.warn({ subscription, error: String(error) }, "rows could not be counted; trying again later");
    } finally {
      this.#isReading = false;
      // Nothing else may happen that would have it looked at again.
      if (this.#isInDoubt) this.#cancelRetry = clock.timer(STORE_RETRY_MS_MAX, () => this.changed());
    }
  }
}
