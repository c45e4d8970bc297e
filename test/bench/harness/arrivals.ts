/** What came out of a bridge, compared with what went in. */
import { type CarriedEvent, type CarriedEvents, KEYS } from "./carried-event.ts";

export interface Arrived {
  readonly distinct: number;
  readonly duplicates: number;
  /** With an attribute or a byte that is another one than was published. */
  readonly changed: number;
  /** First arrivals before which a later event of the same key had arrived. */
  readonly outOfOrder: number;
}

export class Arrivals {
  readonly #events: CarriedEvents;
  readonly #seen: Uint8Array;
  readonly #latest = new Int32Array(KEYS).fill(-1);
  #distinct = 0;
  #duplicates = 0;
  #changed = 0;
  #outOfOrder = 0;

  constructor(events: CarriedEvents, count: number) {
    this.#events = events;
    this.#seen = new Uint8Array(count);
  }

  get isComplete(): boolean {
    return this.#distinct === this.#seen.length;
  }

  take(event: CarriedEvent): void {
    const { sequence, isIntact } = this.#events.recognize(event);
    if (!isIntact) this.#changed += 1;
    if (this.#seen[sequence] === 1) this.#duplicates += 1;
    else if (this.#seen[sequence] === 0) this.#takeFirst(sequence);
  }

  result(): Arrived {
    const { length } = this.#seen;
    return {
      distinct: Math.min(this.#distinct, length),
      duplicates: this.#duplicates,
      changed: this.#changed,
      outOfOrder: this.#outOfOrder,
    };
  }

  #takeFirst(sequence: number): void {
    this.#seen[sequence] = 1;
    this.#distinct += 1;
    const key = sequence % KEYS;
    if (sequence < (this.#latest[key] ?? -1)) this.#outOfOrder += 1;
    else this.#latest[key] = sequence;
  }
}
