/** A delivery that this process works on: received from the transport, or leased from the store. */
import type { Event } from "../event/event.ts";
import type { Delivery } from "../sink/port.ts";
import type { DeliveryRow } from "../store/port.ts";
import type { Item } from "../transport/port.ts";
import { deliveryId } from "./delivery-id.ts";

export class OpenDelivery implements Delivery {
  /** Whose slots its attempt takes: first attempts come from the transport, retries from the store. */
  readonly lane: "first" | "retry";
  readonly event: Event;
  /** What orders it; undefined: nothing does. */
  readonly key: string | undefined;
  /** Attempts that count, before this one. */
  readonly earlierAttempts: number;
  /** When the transport stored the event, where that is known. */
  readonly storedAt: number | undefined;
  /** When its row fell due; undefined without one. */
  readonly dueAt: number | undefined;
  /** Unclean stops during which it was open. */
  uncleanStops: number;
  /** The received item, to be settled; undefined once there is a row. */
  item: Item | undefined;
  /** Its row waits for the event's own time, and is counted apart. */
  isScheduled: boolean;
  /** While its row is being written although its attempt runs: whether that came to be. */
  parking: Promise<boolean> | undefined;
  /** Milliseconds since the epoch; 0 before the attempt starts. */
  startedAt = 0;
  readonly #subscription: string;
  readonly #source: { readonly position: string };
  readonly #firstAttemptAt: number | undefined;
  #id: string | undefined;

  private constructor(
    subscription: string,
    event: Event,
    key: string | undefined,
    item: Item | undefined,
    row: DeliveryRow | undefined,
    source: { readonly position: string },
  ) {
    this.#subscription = subscription;
    this.event = event;
    this.key = key;
    this.item = item;
    this.lane = row === undefined ? "first" : "retry";
    this.#source = source;
    this.earlierAttempts = row?.attempts ?? 0;
    this.storedAt = item?.storedAt;
    this.dueAt = row?.dueAt;
    this.uncleanStops = row?.uncleanStops ?? 0;
    this.isScheduled = row?.scheduled ?? false;
    this.#firstAttemptAt = row?.firstAttemptAt;
    this.#id = row?.id;
  }

  static received(subscription: string, item: Item, event: Event, key: string | undefined): OpenDelivery {
    return new OpenDelivery(subscription, event, key, item, undefined, item);
  }

  /** A parked row always holds an event: malformed messages are dead letters at once. */
  static leased(row: DeliveryRow, event: Event): OpenDelivery {
    return new OpenDelivery(row.subscription, event, row.key, undefined, row, row);
  }

  get position(): string {
    return this.#source.position;
  }

  /** A hash that the happy path does not need, so it is made on first use. */
  get id(): string {
    this.#id ??= deliveryId(this.#subscription, this.position);
    return this.#id;
  }

  /** The same, as far as it was made or the delivery has a row. */
  get knownId(): string | undefined {
    return this.#id;
  }

  get attempt(): number {
    return this.earlierAttempts + 1;
  }

  get firstAttemptAt(): number {
    return this.#firstAttemptAt ?? this.startedAt;
  }
}
