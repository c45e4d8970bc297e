/**
 * A circuit breaker.
 *
 *   closed ── `failures` in a row ──▶ open ── its pause is over ──▶ half-open ── the probe succeeds ──▶ closed
 *                                      ▲                               │
 *                                      └──── the probe fails: twice the pause, at most `maxPauseMs` ─────┘
 *
 * Half-open lets one attempt through, whoever asks first. An attempt that began before the breaker opened and succeeds
 * closes it too: the sink works. One that says nothing of the sink (a shutdown cut it off) leaves the probe to the next.
 */
import { BREAKER_PAUSE_MS } from "../limits.ts";
import type { BreakerPolicy } from "../subscription/subscription.ts";
import type { Gate } from "./gate.ts";
import type { Verdict } from "./verdict.ts";

export type BreakerState = "closed" | "open" | "half-open";

export class Breaker implements Gate {
  readonly #policy: BreakerPolicy;
  readonly #failsOn: ReadonlySet<Verdict["kind"]>;
  readonly #listeners = new Set<() => void>();
  #state: BreakerState = "closed";
  #failures = 0;
  #pauseMs = BREAKER_PAUSE_MS;
  #opensAt = 0;
  #probing = false;

  constructor(policy: BreakerPolicy, failsOn: readonly Verdict["kind"][]) {
    this.#policy = policy;
    this.#failsOn = new Set(failsOn);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Calls back when others may have something to gain from asking again. The answer ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  allowance(now: number): number {
    if (this.#state === "closed") return Number.POSITIVE_INFINITY;
    if (this.#state === "open" && now >= this.#opensAt) this.#state = "half-open";
    return this.#state === "half-open" && !this.#probing ? 1 : 0;
  }

  opensAt(): number | undefined {
    return this.#state === "open" ? this.#opensAt : undefined;
  }

  started(): void {
    if (this.#state === "half-open") this.#probing = true;
  }

  ended(verdict: Verdict, now: number): void {
    if (this.#failsOn.has(verdict.kind)) this.#failed(now);
    else if (verdict.kind === "ok") this.#succeeded();
    else if (this.#probing) this.#change(() => (this.#probing = false));
  }

  #failed(now: number): void {
    if (this.#state === "half-open" && this.#probing)
      this.#open(now, Math.min(this.#pauseMs * 2, this.#policy.maxPauseMs));
    if (this.#state !== "closed") return;
    this.#failures += 1;
    if (this.#failures >= this.#policy.failures) this.#open(now, Math.min(BREAKER_PAUSE_MS, this.#policy.maxPauseMs));
  }

  #open(now: number, pauseMs: number): void {
    this.#change(() => {
      this.#state = "open";
      this.#pauseMs = pauseMs;
      this.#opensAt = now + pauseMs;
      this.#probing = false;
    });
  }

  #succeeded(): void {
    this.#failures = 0;
    if (this.#state === "closed") return;
    this.#change(() => {
      this.#state = "closed";
      this.#probing = false;
    });
  }

  #change(apply: () => void): void {
    apply();
    for (const listener of [...this.#listeners]) listener();
  }
}
