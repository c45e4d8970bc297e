/**
 * Delivers to whoever asks. A receive asks for some deliveries and waits; each that starts is handed to the receive that
 * asked first, under a lock. Who has the lock says what came of it; until then, or until the lock expires, the attempt
 * runs. A lock is of this process and this attempt: nobody can use it later.
 *
 *   asked for ──start──▶ locked ── ack ──────▶ delivered
 *                          │   ── release ──▶ a failed attempt, after the delay that was asked for or the back-off
 *                          │   ── reject ───▶ dead letter `rejected`
 *                          │   ── renew ────▶ locked for longer, within bounds
 *                          └── expires ─────▶ a failed attempt
 */
import { randomUUID } from "node:crypto";
import { PULL_LOCK_MS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Delivery, Demand, Sink, SinkResult } from "./port.ts";

const ABORTED: SinkResult = { kind: "aborted" };
const ACKED: SinkResult = { kind: "stored" };

export interface PulledDelivery {
  /** What the lock is used by. */
  readonly lock: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly delivery: Delivery;
}

/** What is said of a lock. */
export type PullOutcome =
  | { readonly kind: "ack" }
  | { readonly kind: "release"; readonly delayMs: number | undefined; readonly reason: string }
  | { readonly kind: "reject"; readonly reason: string };

/** One `receive` that waits. */
interface Waiting {
  readonly max: number;
  readonly pulled: PulledDelivery[];
  readonly end: () => void;
}

interface Lock {
  readonly lockedAt: number;
  readonly settle: (result: SinkResult) => void;
  cancelExpiry: () => void;
}

export class PullSink implements Sink, Demand {
  readonly #lockMs: number;
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  readonly #locks = new Map<string, Lock>();
  #onChange: () => void = () => undefined;
  #closed = false;

  /** A lock lasts `lockMs` unless it is renewed. */
  constructor(lockMs: number, clock: Clock) {
    this.#lockMs = lockMs;
    this.#clock = clock;
  }

  get wanted(): number {
    return this.#waiting.reduce((sum, { max, pulled }) => sum + max - pulled.length, 0);
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Waits for at least one delivery, at most `max`; none when `waitMs` are over or the signal is aborted. */
  receive(max: number, waitMs: number, signal: AbortSignal): Promise<readonly PulledDelivery[]> {
    if (this.#closed || signal.aborted) return Promise.resolve([]);
    return new Promise((resolve) => {
      const end = (): void => {
        cancelTimer();
        signal.removeEventListener("abort", end);
        const index = this.#waiting.indexOf(waiting);
        if (index !== -1) this.#waiting.splice(index, 1);
        resolve(waiting.pulled);
        this.#onChange();
      };
      const waiting: Waiting = { max, pulled: [], end };
      const cancelTimer = this.#clock.timer(waitMs, end);
      signal.addEventListener("abort", end);
      this.#waiting.push(waiting);
      this.#onChange();
    });
  }

  async deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    return Promise.all(deliveries.map((delivery) => this.#offer(delivery, signal)));
  }

  /** False when the lock is not one, or not any more. */
  settle(token: string, outcome: PullOutcome): boolean {
    const lock = this.#locks.get(token);
    lock?.settle(resultOf(outcome));
    return lock !== undefined;
  }

  /** Locks for as long again; answers until when, or undefined when the lock is not one, or not any more. */
  renew(token: string): number | undefined {
    const lock = this.#locks.get(token);
    return lock && this.#expire(lock);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { end } of [...this.#waiting]) end();
    for (const { settle } of [...this.#locks.values()]) settle(ABORTED);
  }

  #offer(delivery: Delivery, signal: AbortSignal): Promise<SinkResult> {
    const waiting = this.#waiting.find(({ max, pulled }) => pulled.length < max);
    // Who asked has gone between the question and the start.
    if (waiting === undefined || signal.aborted) return Promise.resolve(ABORTED);
    return new Promise((resolve) => {
      const token = randomUUID();
      const settle = (result: SinkResult): void => {
        this.#locks.delete(token);
        lock.cancelExpiry();
        signal.removeEventListener("abort", abort);
        resolve(result);
      };
      const abort = (): void => settle(ABORTED);
      const lock: Lock = { lockedAt: this.#clock.now(), settle, cancelExpiry: () => undefined };
      signal.addEventListener("abort", abort);
      this.#locks.set(token, lock);
      waiting.pulled.push({ lock: token, expiresAt: this.#expire(lock), delivery });
      // What starts in the same turn travels together.
      if (waiting.pulled.length === 1) this.#clock.soon(waiting.end);
    });
  }

  /** All renewals together are bounded, below the time for which a transport leases what is not settled. */
  #expire(lock: Lock): number {
    lock.cancelExpiry();
    const expiresAt = Math.min(this.#clock.now() + this.#lockMs, lock.lockedAt + PULL_LOCK_MS_MAX);
    const expired: SinkResult = { kind: "released", delayMs: undefined, message: "the lock expired" };
    lock.cancelExpiry = this.#clock.timer(Math.max(0, expiresAt - this.#clock.now()), () => lock.settle(expired));
    return expiresAt;
  }
}

function resultOf(outcome: PullOutcome): SinkResult {
  switch (outcome.kind) {
    case "ack":
      return ACKED;
    case "release":
      return { kind: "released", delayMs: outcome.delayMs, message: `released: ${outcome.reason}` };
    case "reject":
      return { kind: "refused", reason: "rejected", message: `rejected: ${outcome.reason}` };
  }
}
