/**
 * Receives what a subscription has to attempt, and settles it. Redelivered items that have a row already were parked or
 * dead-lettered before their ack was lost: they are acked and dropped here. So are those whose row has been delivered
 * since the start, before the transport came to hand them out again. One that is being worked on is the same delivery
 * under a newer handle: a transport that lost its connection forgets which items it had handed out.
 */
import { IN_FLIGHT_MAX, STORE_RETRY_MS_MAX } from "../limits.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Consumer, Item } from "../transport/port.ts";
import type { DeliveryCounters } from "./counters.ts";
import { deliveryId } from "./delivery-id.ts";
import type { Health } from "./health.ts";
import type { OpenDelivery } from "./open-delivery.ts";
import type { OutcomeWriter } from "./outcome-writer.ts";

export interface IntakeOptions {
  readonly subscription: Subscription;
  readonly consumer: Consumer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: DeliveryCounters;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #writer: OutcomeWriter;
  readonly #health: Health;
  /** The latest deliveries whose row was delivered. No more than a window is ever handed out again. */
  readonly #deliveredRows = new Set<string>();
  /** What was handed out and is not settled. */
  readonly #open = new Set<Item>();
  /** The newest handle of what was handed out again meanwhile: the one that can be settled. */
  readonly #newer = new Map<Item, Item>();

  constructor(options: IntakeOptions, writer: OutcomeWriter, health: Health) {
    this.#options = options;
    this.#writer = writer;
    this.#health = health;
  }

  /** Waits for items, at most `max`; none when the signal is aborted. Never rejects. */
  async receive(max: number, signal: AbortSignal): Promise<readonly Item[]> {
    try {
      const items = await this.#options.consumer.receive(max, signal);
      this.#health.report("receive", undefined);
      const news = items.some(({ redelivered }) => redelivered) ? await this.#withoutKnown(items) : items;
      for (const item of news) this.#open.add(item);
      return news;
    } catch (error) {
      await this.#outlast(error, signal);
      return [];
    }
  }

  /** Acks a delivered item; without one it was a row, which is about to go. */
  delivered({ id, item }: OpenDelivery): void {
    if (item === undefined) this.#rememberRow(id);
    else this.settle(item, "ack");
  }

  settle(item: Item, how: "ack" | "release"): void {
    const newest = this.#newer.get(item) ?? item;
    this.#newer.delete(item);
    this.#open.delete(item);
    if (!this.#options.consumer.settle(newest, how)) this.#options.counters.lateSettles += 1;
  }

  #rememberRow(id: string): void {
    if (this.#deliveredRows.size === IN_FLIGHT_MAX) {
      const [oldest = id] = this.#deliveredRows;
      this.#deliveredRows.delete(oldest);
    }
    this.#deliveredRows.add(id);
  }

  async #withoutKnown(received: readonly Item[]): Promise<readonly Item[]> {
    const items = this.#withoutOpen(received);
    if (items.length === 0) return items;
    const ids = items.map(({ position }) => deliveryId(this.#options.subscription.id, position));
    const known = await this.#writer.existing(ids);
    const isKnown = (index: number): boolean => {
      const id = ids[index] ?? "";
      return known.has(id) || this.#deliveredRows.has(id);
    };
    items.forEach((item, index) => {
      if (isKnown(index)) this.settle(item, "ack");
    });
    return items.filter((_, index) => !isKnown(index));
  }

  /** What is being worked on goes on, and settles the newer handle. */
  #withoutOpen(received: readonly Item[]): readonly Item[] {
    const open = new Map([...this.#open].map((item) => [item.position, item]));
    return received.filter((item) => {
      const known = open.get(item.position);
      if (known !== undefined) this.#newer.set(known, item);
      return known === undefined;
    });
  }

  /** `receive` of a consumer rejects only for what waiting may not cure; it is shown, and tried again at a slow pace. */
  async #outlast(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, logger, subscription } = this.#options;
    const fault = error instanceof Error ? error.message : String(error);
    this.#health.report("receive", fault);
    logger.error({ subscription: subscription.id, error: fault }, "nothing can be received");
    await sleep(clock, STORE_RETRY_MS_MAX, signal);
  }
}
