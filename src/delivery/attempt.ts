/** A delivery while an attempt of it runs: either received from the transport, or leased from the store. */
import type { Event } from "../event/event.ts";
import type { Delivery } from "../sink/port.ts";
import type { DeliveryRow } from "../store/port.ts";
import type { Item } from "../transport/port.ts";
import { deliveryId } from "./delivery-id.ts";

export interface Attempt extends Delivery {
  readonly lane: "first" | "retry";
  readonly position: string;
  /** The received item, to be settled; undefined for a row. */
  readonly item: Item | undefined;
  readonly firstAttemptAt: number;
  /** Attempts that count, before this one. */
  readonly earlierAttempts: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** When the transport stored the event, where that is known. */
  readonly storedAt: number | undefined;
}

/** The id is a hash that the happy path does not need, so it is made on first use. */
export class FirstAttempt implements Attempt {
  readonly lane = "first";
  readonly attempt = 1;
  readonly earlierAttempts = 0;
  readonly event: Event;
  readonly item: Item;
  readonly startedAt: number;
  readonly #subscription: string;
  #id: string | undefined;

  constructor(subscription: string, item: Item, event: Event, startedAt: number) {
    this.#subscription = subscription;
    this.item = item;
    this.event = event;
    this.startedAt = startedAt;
  }

  get id(): string {
    this.#id ??= deliveryId(this.#subscription, this.item.position);
    return this.#id;
  }

  get position(): string {
    return this.item.position;
  }

  get firstAttemptAt(): number {
    return this.startedAt;
  }

  get storedAt(): number | undefined {
    return this.item.storedAt;
  }
}

/** An attempt of a parked delivery. A parked row always holds an event: malformed messages are dead letters at once. */
export function retryAttempt(row: DeliveryRow, event: Event, startedAt: number): Attempt {
  return {
    lane: "retry",
    id: row.id,
    event,
    attempt: row.attempts + 1,
    earlierAttempts: row.attempts,
    position: row.position,
    item: undefined,
    firstAttemptAt: row.firstAttemptAt ?? startedAt,
    startedAt,
    storedAt: undefined,
  };
}
