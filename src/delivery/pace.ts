/**
 * Adapts to a sink that says it is busy (429, or 503 with `Retry-After`): each such answer halves the attempts that run at once, no more often
 * than those that were under way take to end, and a wish (`Retry-After`) is kept by starting nothing until then. Each
 * round of deliveries that succeeds adds one again, up to the policy's `maxInFlight`.
 */
import { PACE_WISH_MS_MAX } from "../limits.ts";
import type { Gate } from "./gate.ts";
import type { Verdict } from "./verdict.ts";

export class Pace implements Gate {
  readonly #max: number;
  #limit: number;
  #running = 0;
  #quietUntil = 0;
  /** Endings still to come of attempts that were under way at the last cut: they speak of the pace before it. */
  #stale = 0;

  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  allowance(now: number): number {
    if (now < this.#quietUntil) return 0;
    return this.#limit === this.#max ? Number.POSITIVE_INFINITY : Math.floor(this.#limit) - this.#running;
  }

  opensAt(now: number): number | undefined {
    return now < this.#quietUntil ? this.#quietUntil : undefined;
  }

  started(): void {
    this.#running += 1;
  }

  ended(verdict: Verdict, now: number): void {
    this.#running -= 1;
    const speaksOfBefore = this.#stale > 0;
    if (speaksOfBefore) this.#stale -= 1;
    if (verdict.kind === "ok") this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
    if (verdict.kind !== "busy") return;
    const wishMs = Math.min(verdict.retryAfterMs, PACE_WISH_MS_MAX);
    if (wishMs > 0) this.#quietUntil = Math.max(this.#quietUntil, now + wishMs);
    if (speaksOfBefore) return;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#stale = this.#running;
  }
}
