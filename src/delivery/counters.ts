/** What one subscription counts, as plain fields: a scrape or a status reads them, nothing else does. */
import { Histogram, LATENCY_BOUNDS_SECONDS } from "../telemetry/histogram.ts";

export class DeliveryCounters {
  delivered = 0;
  loopDropped = 0;
  /** Deliveries that replays parked. */
  replayed = 0;
  /** Settlements that came too late for the transport. */
  lateSettles = 0;
  readonly attempts = { delivered: 0, retry: 0, reject: 0, interrupted: 0 };
  readonly deadLettered: Record<string, number> = {};
  /** Seconds from storing an event to its delivery. */
  readonly latency = new Histogram(LATENCY_BOUNDS_SECONDS);

  countDeadLetter(reason: string): void {
    this.deadLettered[reason] = (this.deadLettered[reason] ?? 0) + 1;
  }
}
