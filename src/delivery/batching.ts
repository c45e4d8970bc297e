/** How many of the deliveries that are ready go into one attempt: one, or as many as a batch may have. */
import { recordBytes } from "../event/record.ts";
import type { BatchPolicy } from "../subscription/subscription.ts";
import type { OpenDelivery } from "./open-delivery.ts";

export class Batching {
  readonly #policy: BatchPolicy | undefined;

  /** Single events when there is no policy. */
  constructor(policy: BatchPolicy | undefined) {
    this.#policy = policy;
  }

  get maxEvents(): number {
    return this.#policy?.maxEvents ?? 1;
  }

  /**
   * How many of the first ones make the next attempt. 0: fewer than a batch may have, and it is not `dueAt` yet, so that
   * more may come.
   */
  next(ready: readonly OpenDelivery[], now: number, dueAt: number): number {
    if (this.#policy === undefined) return Math.min(1, ready.length);
    const { maxEvents, maxBytes } = this.#policy;
    let bytes = 0;
    for (const [index, { event }] of ready.entries()) {
      bytes += recordBytes(event);
      if (index > 0 && bytes > maxBytes) return index;
      if (index + 1 === maxEvents) return maxEvents;
    }
    return now >= dueAt ? ready.length : 0;
  }

  /** Until when a batch waits for more events, the first of which is ready at `now`. */
  dueAt(now: number): number {
    return this.#policy === undefined ? now : now + this.#policy.maxWaitMs;
  }
}
