/**
 * What may hold attempts back besides the window: a rate limit, an open circuit breaker, a sink that asked for less.
 * Waiting at a gate is no attempt and costs none.
 */
import type { Clock } from "../runtime/clock.ts";
import type { Verdict } from "./verdict.ts";

/** Times are milliseconds since the epoch. */
export interface Gate {
  /** How many attempts may start at `now`; `Infinity` while the gate does not care. */
  allowance(now: number): number;
  /** When a closed gate opens; undefined: not by time alone. */
  opensAt(now: number): number | undefined;
  started(now: number): void;
  ended(verdict: Verdict, now: number): void;
}

/** All gates of a subscription as one. */
export class Gates {
  readonly #gates: readonly Gate[];
  readonly #clock: Clock;
  readonly #onOpen: () => void;
  #cancelTimer: (() => void) | undefined;

  /** `onOpen` is called when a gate that was found closed opens by time. */
  constructor(gates: readonly Gate[], clock: Clock, onOpen: () => void) {
    this.#gates = gates;
    this.#clock = clock;
    this.#onOpen = onOpen;
  }

  allowance(now: number): number {
    let allowance = Number.POSITIVE_INFINITY;
    for (const gate of this.#gates) allowance = Math.min(allowance, Math.floor(gate.allowance(now)));
    return allowance;
  }

  /** Until when nothing can start; undefined when no gate knows. Calls `onOpen` then. */
  waitUntilOpen(now: number): number | undefined {
    const times = this.#gates.flatMap((gate) => (gate.allowance(now) < 1 ? [gate.opensAt(now)] : []));
    const known = times.filter((time) => time !== undefined);
    if (known.length === 0) return undefined;
    const opensAt = Math.max(...known);
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.timer(Math.max(0, opensAt - now), this.#onOpen);
    return opensAt;
  }

  started(now: number): void {
    for (const gate of this.#gates) gate.started(now);
  }

  ended(verdict: Verdict, now: number): void {
    for (const gate of this.#gates) gate.ended(verdict, now);
  }

  close(): void {
    this.#cancelTimer?.();
  }
}
