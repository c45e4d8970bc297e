/** A token bucket: `perSecond` attempts a second on average, `burst` at once after a quiet time. */
import type { RateLimit } from "../subscription/subscription.ts";
import type { Gate } from "./gate.ts";

export class TokenBucket implements Gate {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: number;

  constructor({ perSecond, burst }: RateLimit, now: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAt = now;
  }

  allowance(now: number): number {
    // The clock may have been set back: nothing is taken for that.
    const grown = Math.max(0, now - this.#filledAt) * this.#perMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + grown);
    this.#filledAt = now;
    // Sums of fractions fall short of the whole by a hair.
    return Math.floor(this.#tokens + 1e-9);
  }

  opensAt(now: number): number {
    return now + Math.ceil((1 - this.#tokens) / this.#perMs);
  }

  started(): void {
    this.#tokens -= 1;
  }

  ended(): void {}
}
