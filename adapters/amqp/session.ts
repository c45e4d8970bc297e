/**
 * What a consumer has on one channel. Delivery tags count within a channel, and an old tag on a new channel would ack a
 * stranger: so an item can only be settled through the session that it came from, and a session ends with its channel.
 *
 * On the channel there is one native consumer at a time, a *window* of unsettled messages: as many as the core asked for
 * when it was opened, and `prefetch` more that are read ahead.
 *
 *   resting ── somebody receives ──▶ open ── nobody receives ──▶ resting   (cancelled, what was not read is returned)
 *                                     │ ▲
 *                                     └─┘ full: the next window is opened, then the full one is cancelled
 *
 * A cancelled consumer keeps its unsettled messages, so the core may hold any number of them. Those on their way to it
 * return to the end of a quorum queue and lose their place. A full window has none on their way, unless an ack makes room
 * for more: so what is settled while the next one is opened is told to the broker only when the full one is cancelled.
 */
import type { Channel, ConsumeMessage } from "amqplib";
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { type Item, isMalformed, type Matcher, type Position, type TopicSettings } from "../../src/transport/port.ts";
import { fromNative, positionOf } from "./binding.ts";
import { LIMITS } from "./limits.ts";

export interface SessionOptions {
  readonly channel: Channel;
  readonly address: string;
  readonly queue: string;
  readonly prefetch: number;
  readonly clock: Clock;
  readonly matcher: Matcher;
  readonly leniency: DecodeOptions["leniency"];
  readonly settings: () => Pick<TopicSettings, "strict" | "envelope" | "key">;
  /** Takes an item in; false: it goes back. */
  readonly onItem: (item: Item) => boolean;
  /** The channel is gone, or the broker cancelled the consumer. Called once. */
  readonly onEnd: (reason: Error | undefined) => void;
}

interface Window {
  readonly size: number;
  tag: string | undefined;
  unsettled: number;
}

interface Delivery {
  readonly message: ConsumeMessage;
  readonly window: Window;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #deliveries = new Map<Item, Delivery>();
  #window: Window | undefined;
  #opening: Promise<void> | undefined;
  /** What goes back at the end, by delivery tag. */
  #returning: ConsumeMessage[] = [];
  /** What was settled while a full window is replaced. */
  #held: (() => void)[] | undefined;
  #isEnded = false;

  /** The queue is there. */
  constructor(options: SessionOptions) {
    this.#options = options;
    let reason: Error | undefined;
    options.channel.on("error", (error) => {
      reason = error;
    });
    options.channel.on("close", () => this.#end(reason));
  }

  /** Opens a window, for `wanted` messages and those read ahead, unless there is one with room. */
  read(wanted: number): void {
    const full = this.#window;
    if (this.#isEnded || (full !== undefined && full.unsettled < full.size)) return;
    const size = Math.min(this.#options.prefetch + wanted, LIMITS.windowMessages);
    const window: Window = { size, tag: undefined, unsettled: 0 };
    this.#window = window;
    if (full !== undefined) this.#held ??= [];
    this.#opening = this.#openWindow(window, full);
  }

  /** Closes the window; `unread` goes back to the queue. */
  rest(unread: readonly Item[]): void {
    const window = this.#window;
    this.#window = undefined;
    if (window !== undefined) void this.#cancel(window);
    for (const item of unread) this.settle(item, "release");
  }

  settle(item: Item, how: "ack" | "release"): boolean {
    const delivery = this.#deliveries.get(item);
    if (delivery === undefined || this.#isEnded) return false;
    this.#deliveries.delete(item);
    delivery.window.unsettled -= 1;
    return this.#answer(delivery.message, how);
  }

  /** Returns what is unsettled, and sees to it by `deadline` that no ack is lost. */
  async close(deadline: number): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#returning = [...this.#deliveries.values()].map(({ message }) => message);
    this.#deliveries.clear();
    try {
      await this.#opening;
      if (this.#opening !== undefined) await this.#handBack(deadline);
      await this.#options.channel.close();
    } catch {
      // The channel was lost meanwhile, and what was unsettled has returned.
    }
  }

  /**
   * A quorum queue applies acks later, and a closing channel drops those that the broker has not passed on to it (seen
   * on 3.10). A cancelled consumer is counted until its last message is settled: that shows when all are applied. The
   * queue of an operator may have consumers besides, so the wait is short.
   */
  async #handBack(deadline: number): Promise<void> {
    const { channel, queue, clock } = this.#options;
    if (this.#window?.tag !== undefined) await channel.cancel(this.#window.tag);
    // Only now, or they would come again at once.
    for (let last = LIMITS.returnMessages - 1; last < this.#returning.length; last += LIMITS.returnMessages) {
      const message = this.#returning[last];
      if (message !== undefined) channel.nack(message, true, true);
    }
    channel.nackAll(true);
    const until = Math.min(deadline, clock.now() + LIMITS.settleMs);
    while (clock.now() < until) {
      const { consumerCount } = await channel.checkQueue(queue);
      if (consumerCount === 0) return;
      await sleep(clock, LIMITS.settlePollMs);
    }
  }

  async #openWindow(window: Window, full: Window | undefined): Promise<void> {
    const { channel, queue } = this.#options;
    try {
      await channel.prefetch(window.size);
      const { consumerTag } = await channel.consume(queue, (message) => this.#onMessage(message, window));
      window.tag = consumerTag;
      if (full !== undefined) await this.#cancel(full);
      if (this.#window !== window) void this.#cancel(window); // it was to rest before the broker answered
    } catch {
      // The channel is closed, or about to be: its end tells the reason.
    } finally {
      this.#tellHeld();
    }
  }

  async #cancel({ tag }: Window): Promise<void> {
    if (tag !== undefined && !this.#isEnded) await this.#options.channel.cancel(tag).catch(() => undefined);
  }

  #tellHeld(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const tell of held) tell();
  }

  #onMessage(message: ConsumeMessage | null, window: Window): void {
    if (message === null) {
      this.#end(undefined);
      this.#options.channel.close().catch(() => undefined);
      return;
    }
    if (this.#isEnded) {
      this.#returning.push(message);
      return;
    }
    const item = this.#itemOf(message);
    if (!isMalformed(item.event) && !this.#options.matcher.matches(item.event)) {
      this.#answer(message, "ack");
      return;
    }
    this.#deliveries.set(item, { message, window });
    window.unsettled += 1;
    if (!this.#options.onItem(item)) this.settle(item, "release");
  }

  #itemOf(message: ConsumeMessage): Item {
    const { address, settings, leniency } = this.#options;
    const { strict, envelope, key } = settings();
    const position: Position = positionOf(message.properties);
    return {
      event: fromNative(message, position, { address, strict, envelope, leniency }),
      position,
      redelivered: message.fields.redelivered,
      deliveries: deliveriesOf(message),
      storedAt: undefined,
      key: key === undefined ? undefined : message.fields.routingKey,
    };
  }

  #answer(message: ConsumeMessage, how: "ack" | "release"): boolean {
    if (this.#held === undefined) return this.#tell(message, how);
    this.#held.push(() => this.#tell(message, how));
    return true;
  }

  #tell(message: ConsumeMessage, how: "ack" | "release"): boolean {
    const { channel } = this.#options;
    try {
      if (how === "ack") channel.ack(message);
      else channel.nack(message, false, true);
      return true;
    } catch {
      return false; // the channel is closing: the broker returns the message
    }
  }

  #end(reason: Error | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#deliveries.clear();
    this.#options.onEnd(reason);
  }
}

/** Quorum queues count returns; RabbitMQ 4 also acquisitions. A redelivery without a count is of another queue type. */
function deliveriesOf({ fields, properties }: ConsumeMessage): number | undefined {
  const { "x-delivery-count": returned, "x-acquired-count": acquired } = properties.headers ?? {};
  const counts = [returned, acquired].filter((count) => typeof count === "number");
  if (counts.length === 0) return fields.redelivered ? undefined : 1;
  return Math.max(...counts) + 1;
}
