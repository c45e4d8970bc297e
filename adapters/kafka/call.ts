/** One publish call: its events, their results, and its deadline. */
import type { Event } from "../../src/event/event.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { type PublishResult, TransportError } from "../../src/transport/port.ts";
import { failure } from "./errors.ts";

export class PublishCall {
  readonly events: readonly Event[];
  readonly results: Promise<readonly PublishResult[]>;
  readonly #answers: (PublishResult | undefined)[];
  /** By key: the first event that failed. */
  readonly #failedAt = new Map<string, number>();
  readonly #sent = new Set<number>();
  readonly #resolve: (results: readonly PublishResult[]) => void;
  readonly #cancelTimer: () => void;
  #missing: number;

  /** Every event is answered by the deadline, milliseconds since the epoch. */
  constructor(events: readonly Event[], deadline: number, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<readonly PublishResult[]>();
    this.events = events;
    this.results = promise;
    this.#resolve = resolve;
    this.#answers = new Array(events.length).fill(undefined);
    this.#missing = events.length;
    this.#cancelTimer = clock.timer(Math.max(0, deadline - clock.now()), () => this.#expire());
  }

  isAnswered(index: number): boolean {
    return this.#answers[index] !== undefined;
  }

  /** Whether an earlier event of its key failed: then it is not to be stored. */
  isAborted(index: number, key: string | undefined): boolean {
    return key !== undefined && (this.#failedAt.get(key) ?? index) < index;
  }

  /** From here on nobody knows whether it is stored, until an answer comes. */
  markSent(index: number): void {
    this.#sent.add(index);
  }

  /** The first answer counts. */
  answer(index: number, key: string | undefined, result: PublishResult): void {
    if (this.#answers[index] !== undefined) return;
    this.#answers[index] = result;
    if (!result.ok && key !== undefined) this.#failedAt.set(key, Math.min(index, this.#failedAt.get(key) ?? index));
    this.#missing -= 1;
    if (this.#missing > 0) return;
    this.#cancelTimer();
    this.#resolve(this.#answers.filter((answer) => answer !== undefined));
  }

  #expire(): void {
    for (const index of this.events.keys()) {
      const error = new TransportError("timeout", "Kafka did not confirm the event in time");
      this.answer(index, undefined, failure(error, this.#sent.has(index) ? "unknown" : "no"));
    }
  }
}
