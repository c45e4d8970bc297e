/**
 * After an unclean stop: the deliveries that were open may be what stopped the process. They go one at a time through
 * the retry lane, each marked in the store before its attempt, so that the next unclean stop is counted on the one that
 * was being attempted; one that has seen `POISON_UNCLEAN_STOPS` is given up as poison. After a clean stop, and once the
 * suspects are through, all of this costs a comparison.
 *
 * Suspects are what the transport hands out again, as much as can have been open, the rows that were due first, since
 * those were being retried, and whatever has seen an unclean stop before.
 */
import { POISON_UNCLEAN_STOPS } from "../limits.ts";
import type { Item } from "../transport/port.ts";
import type { OpenDelivery } from "./open-delivery.ts";

export class Quarantine {
  readonly #queue: OpenDelivery[] = [];
  #items: number;
  #rows: number;
  #attempted: OpenDelivery | undefined;

  /** So many items and rows can have been open; none after a clean stop. */
  constructor(items: number, rows: number) {
    this.#items = items;
    this.#rows = rows;
  }

  static isPoison(delivery: OpenDelivery): boolean {
    return delivery.uncleanStops >= POISON_UNCLEAN_STOPS;
  }

  suspectsItem({ redelivered }: Item): boolean {
    if (!redelivered || this.#items === 0) return false;
    this.#items -= 1;
    return true;
  }

  suspectsRow({ uncleanStops }: OpenDelivery): boolean {
    const wasDueFirst = this.#rows > 0;
    if (wasDueFirst) this.#rows -= 1;
    return wasDueFirst || uncleanStops > 0;
  }

  enter(delivery: OpenDelivery): void {
    this.#queue.push(delivery);
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
