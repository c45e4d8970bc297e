/**
 * The order of keyed events, at each sink by itself: the first deliveries of a key come in the order in which its events
 * were published, and no two of them are attempted at once. A crash may repeat what was delivered before, in order too.
 */

export interface OrderVerdict {
  /** First deliveries of events with a key. */
  readonly keyedDeliveries: number;
  /** Sentences. */
  readonly violations: readonly string[];
}

interface Place {
  readonly key: string;
  /** Counted over all keys: later published events have higher ones. */
  readonly sequence: number;
}

/** One key at one sink. */
interface Lane {
  attempted: string | undefined;
  /** The latest that was delivered, over all processes. */
  latest: number;
  /** The last one that was delivered by the process that runs, and which process that is. */
  epoch: number;
  latestOfEpoch: number;
}

export class OrderProof {
  readonly #places = new Map<string, Place>();
  readonly #lanes = new Map<string, Lane>();
  readonly #delivered = new Set<string>();
  readonly #violations: string[] = [];

  publishing(id: string, key: string): void {
    this.#places.set(id, { key, sequence: this.#places.size });
  }

  /** An attempt has reached a sink; `attempted` follows when it is answered. */
  attempting(sink: string, id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    const lane = this.#lane(sink, place.key);
    if (lane.attempted !== undefined) this.#violate(sink, place, `was attempted while ${lane.attempted} was`);
    lane.attempted = id;
  }

  attempted(sink: string, id: string, epoch: number, isDelivered: boolean): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    const lane = this.#lane(sink, place.key);
    lane.attempted = undefined;
    if (isDelivered) this.#deliver(sink, id, epoch, place, lane);
  }

  verdict(): OrderVerdict {
    return { keyedDeliveries: this.#delivered.size, violations: this.#violations };
  }

  #deliver(sink: string, id: string, epoch: number, place: Place, lane: Lane): void {
    const { sequence } = place;
    const isFirst = !this.#delivered.has(`${sink} ${id}`);
    this.#delivered.add(`${sink} ${id}`);
    if (isFirst && sequence < lane.latest) this.#violate(sink, place, "came after a later one of its key");
    if (epoch === lane.epoch && sequence < lane.latestOfEpoch) this.#violate(sink, place, "was repeated out of order");
    lane.latest = Math.max(lane.latest, sequence);
    lane.latestOfEpoch = sequence;
    lane.epoch = epoch;
  }

  #lane(sink: string, key: string): Lane {
    const name = `${sink} ${key}`;
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane: Lane = { attempted: undefined, latest: -1, epoch: 0, latestOfEpoch: -1 };
    this.#lanes.set(name, lane);
    return lane;
  }

  #violate(sink: string, { key, sequence }: Place, what: string): void {
    this.#violations.push(`${sink}: event ${sequence}, of ${key}, ${what}`);
  }
}
