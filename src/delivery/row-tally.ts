/**
 * How many rows the store holds for a subscription, and whether that is as many as its policy allows. What waits behind
 * another of its key has a bound of its own: one key with many events must not stop the others.
 */
import { REPLAY_PAGE_EVENTS, REPLAY_PARKED_MAX, REPLAYS_RUNNING_MAX } from "../limits.ts";
import type { DeliveryPolicy } from "../subscription/subscription.ts";

export class RowTally {
  readonly #policy: DeliveryPolicy;
  readonly #behind: () => number;
  parked = 0;
  scheduled = 0;
  deadLetters = 0;

  /** `behind`: how many of the parked ones wait behind another of their key. */
  constructor(policy: DeliveryPolicy, behind: () => number) {
    this.#policy = policy;
    this.#behind = behind;
  }

  /** Rows that may still be written before a bound is reached. */
  get room(): number {
    const { maxParked, maxScheduled, maxDeadLetters } = this.#policy;
    const tried = this.parked - this.#behind();
    return Math.min(maxParked - tried, maxScheduled - this.scheduled, maxDeadLetters - this.deadLetters, this.keyRoom);
  }

  /** The same of those that may wait behind another of their key. */
  get keyRoom(): number {
    const { ordering } = this.#policy;
    return ordering === undefined ? Number.POSITIVE_INFINITY : ordering.maxWaiting - this.#behind();
  }

  /**
   * How many events one replay may park now. It waits while much is parked, so that a sink that fails is not owed more
   * and more; when all replays that may run park at once, they stay below the bound.
   */
  get replayRoom(): number {
    if (this.room <= 0) return 0;
    const bound = Math.max(1, Math.min(REPLAY_PARKED_MAX, Math.floor(this.#policy.maxParked / 2)));
    const share = Math.max(1, Math.min(REPLAY_PAGE_EVENTS, Math.floor(bound / REPLAYS_RUNNING_MAX)));
    return this.parked <= Math.max(0, bound - share * REPLAYS_RUNNING_MAX) ? share : 0;
  }

  /** Which bound is reached, or undefined. */
  get boundReached(): string | undefined {
    const { maxParked, maxScheduled, maxDeadLetters, ordering } = this.#policy;
    const behind = this.#behind();
    const tried = this.parked - behind;
    if (tried >= maxParked) return `${tried} deliveries are parked (delivery.maxParked)`;
    if (ordering !== undefined && behind >= ordering.maxWaiting)
      return `${behind} deliveries wait for others of their key (delivery.ordering.maxWaiting)`;
    if (this.deadLetters >= maxDeadLetters) return `${this.deadLetters} dead letters (delivery.maxDeadLetters)`;
    if (this.scheduled >= maxScheduled) return `${this.scheduled} deliveries are scheduled (delivery.maxScheduled)`;
    return undefined;
  }
}
