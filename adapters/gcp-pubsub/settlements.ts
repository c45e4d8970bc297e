/**
 * Acks and releases on their way to the service. What is settled in one turn travels together. One that fails is sent
 * again while its lease may hold; after that the message comes again by itself.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import { TransportError } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";

export type Settlement = "ack" | "release";

interface Settled {
  readonly ackId: string;
  /** On the monotonic clock. */
  readonly expiresAt: number;
}

/** Sends one request; rejects with a `TransportError`. */
type SendSettlements = (how: Settlement, ackIds: readonly string[]) => Promise<void>;

export class Settlements {
  readonly #clock: Clock;
  readonly #send: SendSettlements;
  readonly #waiting: Record<Settlement, Settled[]> = { ack: [], release: [] };
  readonly #running = new Set<Promise<void>>();
  #isFlushPlanned = false;
  #cancelRetry: (() => void) | undefined;

  constructor(clock: Clock, send: SendSettlements) {
    this.#clock = clock;
    this.#send = send;
  }

  add(how: Settlement, settled: Settled): void {
    this.#waiting[how].push(settled);
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#clock.soon(() => this.#flush());
  }

  /** Resolves when nothing is on its way; tries each at least once. */
  async drained(): Promise<void> {
    this.#flush();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  close(): void {
    this.#cancelRetry?.();
    this.#waiting.ack = [];
    this.#waiting.release = [];
  }

  #flush(): void {
    this.#isFlushPlanned = false;
    for (const how of ["ack", "release"] as const) {
      const waiting = this.#waiting[how];
      while (waiting.length > 0) this.#start(how, waiting.splice(0, LIMITS.requestAckIds));
    }
  }

  #start(how: Settlement, batch: readonly Settled[]): void {
    const running = this.#request(how, batch);
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  async #request(how: Settlement, batch: readonly Settled[]): Promise<void> {
    try {
      await this.#send(
        how,
        batch.map(({ ackId }) => ackId),
      );
    } catch (error) {
      if (error instanceof TransportError && error.retryable) this.#sendLater(how, batch);
    }
  }

  #sendLater(how: Settlement, batch: readonly Settled[]): void {
    const now = this.#clock.monotonic();
    this.#waiting[how].push(...batch.filter(({ expiresAt }) => expiresAt > now));
    this.#cancelRetry ??= this.#clock.timer(LIMITS.retryMs, () => {
      this.#cancelRetry = undefined;
      this.#flush();
    });
  }
}
