/**
 * What one consumer holds. The service hands a message out for ten seconds; from the third on the lease is extended,
 * so that traffic which is settled at once costs no request. An item is its own handle: one that is not held any more
 * (settled, or of a subscription that is gone) settles nothing.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import type { Item } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";

export interface Lease {
  readonly ackId: string;
  renewAt: number;
  expiresAt: number;
}

/** Extends the leases by `LIMITS.leaseSeconds`; rejects when it can't. */
type Renew = (ackIds: readonly string[]) => Promise<void>;

export class Leases {
  readonly #clock: Clock;
  readonly #renew: Renew;
  #held = new Map<Item, Lease>();
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, renew: Renew) {
    this.#clock = clock;
    this.#renew = renew;
  }

  /** `sentAt`: before the service handed it out, on the monotonic clock. */
  hold(item: Item, ackId: string, sentAt: number): void {
    const expiresAt = sentAt + LIMITS.firstLeaseSeconds * 1_000;
    this.#held.set(item, { ackId, renewAt: sentAt + LIMITS.firstRenewalMs, expiresAt });
    this.#cancelTimer ??= this.#clock.timer(LIMITS.leaseCheckMs, () => this.#check());
  }

  /** Ends the lease here; undefined when there is none. */
  take(item: Item): Lease | undefined {
    const lease = this.#held.get(item);
    this.#held.delete(item);
    return lease;
  }

  /** Ends all of them. */
  takeAll(): readonly Lease[] {
    const all = [...this.#held.values()];
    this.#held = new Map();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    return all;
  }

  #check(): void {
    this.#cancelTimer = undefined;
    if (this.#held.size === 0) return;
    this.#cancelTimer = this.#clock.timer(LIMITS.leaseCheckMs, () => this.#check());
    const now = this.#clock.monotonic();
    const due = [...this.#held.values()].filter(({ renewAt }) => renewAt <= now);
    while (due.length > 0) void this.#extend(due.splice(0, LIMITS.requestAckIds), now);
  }

  async #extend(batch: readonly Lease[], now: number): Promise<void> {
    for (const lease of batch) lease.renewAt = now + LIMITS.renewalMs;
    try {
      await this.#renew(batch.map(({ ackId }) => ackId));
      for (const lease of batch) lease.expiresAt = now + LIMITS.leaseSeconds * 1_000;
    } catch {
      for (const lease of batch) lease.renewAt = now; // at the next check: the reason shows where pulling fails as well
    }
  }
}
