/**
 * After an unclean stop: the deliveries that were open may be what stopped the process. They go one at a time through
 * the retry lane, each marked in the store before its attempt, so that the next unclean stop is counted on the one that
 * was being attempted; one that has seen `POISON_UNCLEAN_STOPS` is given up as poison. Those that have seen the fewest go
 * first, so that processes which are killed again and again for another reason don't all blame the same one. After a
 * clean stop, and once the suspects are through, all of this costs a comparison.
 *
 * Suspects are what the transport hands out again, as much as can have been attempted, the first of the rows that were due at
 * the start, since those were being retried, and whatever has seen an unclean stop before.
 */
import { POISON_UNCLEAN_STOPS } from "../limits.ts";
import type { Item } from "../transport/port.ts";
import type { OpenDelivery } from "./open-delivery.ts";

export class Quarantine {
  readonly #queue: OpenDelivery[] = [];
  readonly #startedAt: number;
  #items: number;
  #rows: number;
  #attempted: OpenDelivery | undefined;

  /** So many items, and rows due by `startedAt`, can have been open; none after a clean stop. */
  constructor(open: { readonly items: number; readonly rows: number }, startedAt: number) {
    this.#startedAt = startedAt;
    this.#items = open.items;
    this.#rows = open.rows;
  }

  static isPoison(delivery: OpenDelivery): boolean {
    return delivery.uncleanStops >= POISON_UNCLEAN_STOPS;
  }

  suspectsItem({ redelivered }: Item): boolean {
    if (!redelivered || this.#items === 0) return false;
    this.#items -= 1;
    return true;
  }

  suspectsRow({ uncleanStops, dueAt = 0 }: OpenDelivery): boolean {
    const wasDueFirst = this.#rows > 0 && dueAt <= this.#startedAt;
    if (wasDueFirst) this.#rows -= 1;
    return wasDueFirst || uncleanStops > 0;
  }

  enter(delivery: OpenDelivery): void {
    const behind = this.#queue.findIndex(({ uncleanStops }) => uncleanStops > delivery.uncleanStops);
    this.#queue.splice(behind === -1 ? this.#queue.length : behind, 0, delivery);
  }

  get isReady(): boolean {
    return this.#attempted === undefined && this.#queue.length > 0;
  }

  /** The suspect that is being attempted. */
  get attempted(): OpenDelivery | undefined {
    return this.#attempted;
  }

  /** The next suspect, when none is being attempted. */
  take(): OpenDelivery | undefined {
    if (this.#attempted === undefined) this.#attempted = this.#queue.shift();
    else return undefined;
    return this.#attempted;
  }

  /** The attempt of this delivery has ended. */
  leave(delivery: OpenDelivery): void {
    if (this.#attempted === delivery) this.#attempted = undefined;
  }

  /** Ids of rows that are leased and wait here. */
  get leased(): string[] {
    return this.#queue.map(({ id }) => id);
  }
}
