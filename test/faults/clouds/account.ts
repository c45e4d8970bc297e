/**
 * The exact account of events that are published in one cloud and owed to both. An event is owed from its 202 on; its
 * publisher repeats it until then, under the same id, so that what is published is also accepted in the end.
 */
import { isSame, sampleOf } from "../../../scripts/demo/sample.ts";
import type { ReceivedRequest } from "../../support/receiver.ts";

export interface Counts {
  /** Accepted with a 202. */
  readonly published: number;
  /** First arrivals, over both clouds. */
  readonly arrived: number;
  /** Owed and not arrived, over both clouds. */
  readonly missing: number;
  /** Arrivals whose attributes or bytes are not those that were published, and of what nobody published. */
  readonly changed: number;
  /** Arrivals of what had arrived before. */
  readonly duplicates: number;
}

interface Entry {
  readonly from: string;
  readonly number: number;
  isAccepted: boolean;
  /** The clouds that it has come to. */
  readonly arrivedIn: Set<string>;
}

export class Account {
  readonly #clouds: readonly string[];
  readonly #entries = new Map<string, Entry>();
  #published = 0;
  #arrived = 0;
  #changed = 0;
  #duplicates = 0;
  #missing = 0;

  constructor(clouds: readonly string[]) {
    this.#clouds = clouds;
  }

  /** Before it is sent, since it may arrive before the answer does. */
  publishing(id: string, from: string, number: number): void {
    this.#entries.set(id, { from, number, isAccepted: false, arrivedIn: new Set() });
  }

  accepted(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.isAccepted) return;
    entry.isAccepted = true;
    this.#published += 1;
    this.#missing += this.#clouds.length - entry.arrivedIn.size;
  }

  received(cloud: string, request: ReceivedRequest): void {
    const entry = this.#entries.get(request.id ?? "");
    if (entry === undefined || !isSame(sampleOf(entry.from, entry.number), request)) this.#changed += 1;
    if (entry === undefined) return;
    if (entry.arrivedIn.has(cloud)) {
      this.#duplicates += 1;
      return;
    }
    entry.arrivedIn.add(cloud);
    this.#arrived += 1;
    if (entry.isAccepted) this.#missing -= 1;
  }

  get counts(): Counts {
    return {
      ...{ published: this.#published, arrived: this.#arrived, missing: this.#missing },
      ...{ changed: this.#changed, duplicates: this.#duplicates },
    };
  }

  /** The ids that are owed now. */
  owed(): ReadonlySet<string> {
    return new Set([...this.#entries.keys()].filter((id) => this.isOwed(id)));
  }

  isOwed(id: string): boolean {
    const entry = this.#entries.get(id);
    return entry?.isAccepted === true && entry.arrivedIn.size < this.#clouds.length;
  }
}
