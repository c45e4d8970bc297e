/** Calls back when a temporary subscription is over. */
import type { Clock } from "../runtime/clock.ts";

export class Expiries {
  readonly #clock: Clock;
  readonly #cancels = new Map<string, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces what was set for this subscription; `expiresAt` is in milliseconds since the epoch, undefined: never. */
  set(subscription: string, expiresAt: number | undefined, expire: () => void): void {
    this.cancel(subscription);
    if (expiresAt === undefined) return;
    const delayMs = Math.max(0, expiresAt - this.#clock.now());
    this.#cancels.set(subscription, this.#clock.timer(delayMs, expire));
  }

  cancel(subscription: string): void {
    this.#cancels.get(subscription)?.();
    this.#cancels.delete(subscription);
  }

  cancelAll(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }
}
