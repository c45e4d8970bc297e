/** One call of `publish`: collects the results by index and answers all of them by the deadline. */
import type { Event } from "../../src/event/event.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { type PublishResult, type TopicSettings, TransportError } from "../../src/transport/port.ts";
import { failure } from "./errors.ts";

/** One event on its way to the broker. */
export interface Outgoing {
  readonly call: PublishCall;
  readonly index: number;
  /** What later events of the same call and key wait for. */
  readonly key: string | undefined;
  readonly routingKey: string;
  readonly position: string;
  readonly event: Event;
  readonly mode: TopicSettings["mode"];
  /** From here on the broker may have it. */
  isSent: boolean;
  /** The broker gave it back: no queue is bound. Its confirmation follows all the same. */
  isReturned: boolean;
}

export class PublishCall {
  readonly answer: Promise<readonly PublishResult[]>;
  readonly deadline: number;
  readonly #results: (PublishResult | undefined)[];
  readonly #sending: Outgoing[] = [];
  /** The first index of each key that failed. */
  readonly #failed = new Map<string, number>();
  readonly #resolve: (results: readonly PublishResult[]) => void;
  readonly #cancelTimer: () => void;
  #open: number;

  constructor(count: number, deadline: number, clock: Clock, whyLate: () => TransportError) {
    const { promise, resolve } = Promise.withResolvers<readonly PublishResult[]>();
    this.answer = promise;
    this.deadline = deadline;
    this.#resolve = resolve;
    this.#results = new Array(count);
    this.#open = count;
    this.#cancelTimer = clock.timer(Math.max(0, deadline - clock.now()), () => this.#expire(whyLate()));
  }

  /** Something of this call is about to be sent. */
  add(outgoing: Outgoing): void {
    this.#sending.push(outgoing);
  }

  isAnswered(index: number): boolean {
    return this.#results[index] !== undefined;
  }

  /** Whether an event of this key before `index` has failed: then the one at `index` must not be stored. */
  hasFailedBefore(index: number, key: string): boolean {
    return (this.#failed.get(key) ?? index) < index;
  }

  /** The first result of an index counts: what comes after the deadline is late. */
  settle(index: number, key: string | undefined, result: PublishResult): void {
    if (this.isAnswered(index)) return;
    this.#results[index] = result;
    if (!result.ok && key !== undefined) this.#failed.set(key, Math.min(index, this.#failed.get(key) ?? index));
    this.#open -= 1;
    if (this.#open > 0) return;
    this.#cancelTimer();
    this.#resolve(this.#results.filter((one) => one !== undefined));
  }

  #expire(error: TransportError): void {
    for (const { index, key, isSent } of this.#sending) {
      this.settle(index, key, failure(error, isSent ? "unknown" : "no"));
    }
  }
}

export function timeoutError(): TransportError {
  return new TransportError("timeout", "RabbitMQ did not confirm in time; the event may be stored");
}
