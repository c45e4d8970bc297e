/** What a group is handed, and what is on the way to it. */
import type { Event } from "../../src/event/event.ts";
import type { Item, Malformed, Position } from "../../src/transport/port.ts";
import type { Partition } from "./partition.ts";
import { formatPosition } from "./position.ts";

/** A decoded record in the mailbox. */
export interface Entry {
  readonly partition: Partition;
  readonly offset: bigint;
  readonly event: Event | Malformed;
  readonly storedAt: number;
  readonly key: string | undefined;
  readonly bytes: number;
  /** It was handed out before in this session, and released. */
  readonly isAgain: boolean;
}

/** Its own handle: an event that is handed out again is another item, so that a stale one settles nothing. */
export class KafkaItem implements Item {
  readonly event: Event | Malformed;
  readonly position: Position;
  readonly redelivered: boolean;
  readonly deliveries = undefined;
  readonly storedAt: number;
  readonly key: string | undefined;
  readonly #entry: Entry;
  #isSettled = false;

  constructor(entry: Entry) {
    const { partition, offset } = entry;
    this.#entry = entry;
    this.event = entry.event;
    this.position = formatPosition(partition.topicId, partition.number, offset);
    this.redelivered = entry.isAgain || partition.isRedelivered(offset);
    this.storedAt = entry.storedAt;
    this.key = entry.key;
  }

  get partition(): Partition {
    return this.#entry.partition;
  }

  /** What was handed out; undefined from the second time on. */
  settle(): Entry | undefined {
    if (this.#isSettled) return undefined;
    this.#isSettled = true;
    return this.#entry;
  }
}
