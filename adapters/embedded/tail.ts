/**
 * The newest events of a topic, decoded, for groups that fell behind a little. It is kept only while a group is behind
 * and reads: it begins with the first event after that, has no gaps up to the newest one, and drops its oldest events
 * at its bound. Groups that keep up need none, since each new event goes straight into their mailboxes.
 */
import { TAIL_BYTES_MAX, TAIL_TOTAL_BYTES_MAX } from "../../src/limits.ts";
import { Fifo } from "./fifo.ts";
import type { LogEntry } from "./log.ts";

/** What all tails of the transport hold together. */
export interface TailBudget {
  bytes: number;
}

export class Tail {
  readonly #budget: TailBudget;
  readonly #entries = new Fifo<LogEntry>();
  #bytes = 0;
  #readers = 0;

  constructor(budget: TailBudget) {
    this.#budget = budget;
  }

  get isWanted(): boolean {
    return this.#readers > 0;
  }

  addReader(): void {
    this.#readers += 1;
  }

  removeReader(): void {
    this.#readers -= 1;
    if (this.#readers === 0) this.clear();
  }

  push(entry: LogEntry): void {
    this.#entries.push(entry);
    this.#charge(entry.bytes);
    while (this.#bytes > TAIL_BYTES_MAX || (this.#budget.bytes > TAIL_TOTAL_BYTES_MAX && this.#entries.length > 0)) {
      this.#charge(-(this.#entries.shift()?.bytes ?? 0));
    }
  }

  /** The entry of this number, when it is here. */
  get(number: number): LogEntry | undefined {
    const oldest = this.#entries.peek();
    return oldest === undefined || number < oldest.number ? undefined : this.#entries.at(number - oldest.number);
  }

  has(number: number): boolean {
    return this.get(number) !== undefined;
  }

  clear(): void {
    this.#entries.clear();
    this.#charge(-this.#bytes);
  }

  #charge(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.bytes += bytes;
  }
}
