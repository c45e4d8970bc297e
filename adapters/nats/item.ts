/** What a group, or a reader without one, is handed. */
import type { Event } from "../../src/event/event.ts";
import type { Item, Malformed } from "../../src/transport/port.ts";
import { formatPosition } from "./position.ts";

export interface Stored {
  readonly generation: string;
  readonly sequence: number;
  /** Undefined when it was read without a group. */
  readonly count: number | undefined;
  readonly storedAt: number;
}

export class NatsItem implements Item {
  readonly event: Event | Malformed;
  readonly sequence: number;
  readonly redelivered: boolean;
  readonly deliveries: number | undefined;
  readonly storedAt: number;
  /** A stream keeps the order of all its messages, not of keys. */
  readonly key = undefined;
  /** Of the mailbox that it waits in. */
  readonly bytes: number;
  /** Where acks of the newest delivery go. */
  reply: string;
  readonly #generation: string;

  constructor(stored: Stored, event: Event | Malformed, bytes: number, reply: string) {
    this.#generation = stored.generation;
    this.sequence = stored.sequence;
    this.redelivered = (stored.count ?? 1) > 1;
    this.deliveries = stored.count;
    this.storedAt = stored.storedAt;
    this.event = event;
    this.bytes = bytes;
    this.reply = reply;
  }

  get position(): string {
    return formatPosition(this.#generation, this.sequence);
  }
}
