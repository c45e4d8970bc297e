/** How many rows the store holds for a subscription, and whether that is as many as its policy allows. */
import type { DeliveryPolicy } from "../subscription/subscription.ts";

export class RowTally {
  readonly #policy: DeliveryPolicy;
  parked = 0;
  scheduled = 0;
  deadLetters = 0;

  constructor(policy: DeliveryPolicy) {
    this.#policy = policy;
  }

  /** Rows that may still be written before a bound is reached. */
  get room(): number {
    const { maxParked, maxScheduled, maxDeadLetters } = this.#policy;
    return Math.min(maxParked - this.parked, maxScheduled - this.scheduled, maxDeadLetters - this.deadLetters);
  }

  /** Which bound is reached, or undefined. */
  get boundReached(): string | undefined {
    const { maxParked, maxScheduled, maxDeadLetters } = this.#policy;
    if (this.parked >= maxParked) return `${this.parked} deliveries are parked (delivery.maxParked)`;
    if (this.deadLetters >= maxDeadLetters) return `${this.deadLetters} dead letters (delivery.maxDeadLetters)`;
    if (this.scheduled >= maxScheduled) return `${this.scheduled} deliveries are scheduled (delivery.maxScheduled)`;
    return undefined;
  }
}
