/** One `publish` call: its results, and its deadline by a timer of its own. */
import type { Clock } from "../../src/runtime/clock.ts";
import { type PublishResult, TransportError } from "../../src/transport/port.ts";
import { failure } from "./errors.ts";

export class Call {
  readonly deadline: number;
  readonly answered: Promise<readonly PublishResult[]>;
  readonly #results: (PublishResult | undefined)[];
  readonly #sent: boolean[] = [];
  /** With the place of the first failure of each. */
  readonly #failedKeys = new Map<string, number>();
  readonly #resolve: (results: readonly PublishResult[]) => void;
  readonly #cancelTimer: () => void;
  #open: number;

  constructor(count: number, deadline: number, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<readonly PublishResult[]>();
    this.deadline = deadline;
    this.answered = promise;
    this.#resolve = resolve;
    this.#results = new Array(count).fill(undefined);
    this.#open = count;
    this.#cancelTimer = clock.timer(Math.max(0, deadline - clock.now()), () => this.#expire());
  }

  isOpen(index: number): boolean {
    return this.#results[index] === undefined;
  }

  /** From here on nobody can say that it was not stored, until the service answers. */
  markSent(index: number): void {
    this.#sent[index] = true;
  }

  /** The first answer counts. A failure fails the later ones of its key. */
  answer(index: number, key: string | undefined, result: PublishResult): void {
    if (!this.isOpen(index)) return;
    this.#results[index] = result;
    if (!result.ok && key !== undefined) this.#failedKeys.set(key, Math.min(index, this.#failedKeys.get(key) ?? index));
    this.#open -= 1;
    if (this.#open > 0) return;
    this.#cancelTimer();
    this.#resolve(this.#results.filter((one) => one !== undefined));
  }

  /** Whether an event of this key that stands before this one has failed. */
  hasFailedBefore(index: number, key: string | undefined): boolean {
    return key !== undefined && (this.#failedKeys.get(key) ?? index) < index;
  }

  #expire(): void {
    for (const index of this.#results.keys()) {
      const isSent = this.#sent[index] === true;
      const error = new TransportError(
        "timeout",
        isSent
          ? "Pub/Sub did not answer in time; the event may be stored"
          : "The event could not be sent to Pub/Sub in time",
      );
      this.answer(index, undefined, failure(error, isSent ? "unknown" : "no"));
    }
  }
}
