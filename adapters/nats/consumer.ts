/**
 * The consumer of one group: pulls into a bounded mailbox, and outlasts what happens to the connection, the server, the
 * stream and the durable consumer.
 *
 * A loop runs while somebody receives: look at the stream and the durable consumer, pull until something is wrong, look
 * again. What it finds decides:
 * - the same consumer: go on, with all that is held;
 * - no consumer, in a stream that is the same: it was deleted under us. It is created again from the first event that may
 *   be unsettled, and what is held or was acked is recognized when it comes again;
 * - another stream or consumer of that name: what is held belongs to the past and is dropped;
 * - no stream, or a group that this consumer has never seen: `receive` rejects with `not_found`, and the next one looks
 *   again.
 *
 * What nobody takes goes back to the server only once it sends no more to this pull, and in the order of the stream: else
 * it would come back here at once, and out of order.
 */
import { type Msg, millis } from "@nats-io/transport-node";
import { MAILBOX_BYTES_MAX, MAILBOX_EVENTS_MAX } from "../../src/limits.ts";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import { Mailbox } from "../../src/transport/mailbox.ts";
import {
  type Consumer,
  type ConsumerOptions,
  type ConsumerState,
  type Item,
  isMalformed,
  type Position,
  type Progress,
  TransportError,
} from "../../src/transport/port.ts";
import { decodeEvent } from "./binding.ts";
import type { Client, Connection } from "./connection.ts";
import { parseDelivery, sinceDeliveryMs } from "./delivery.ts";
import { closedError, toTransportError } from "./errors.ts";
import { GroupView, type Seen } from "./group-view.ts";
import { NatsItem, type Stored } from "./item.ts";
import { Leases } from "./leases.ts";
import { LIMITS } from "./limits.ts";
import { formatPosition, sequenceOf } from "./position.ts";
import { Pull } from "./pull.ts";
import { Returns } from "./returns.ts";
import type { Topology } from "./topology.ts";

export interface ConsumerContext {
  readonly connection: Connection;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly consumers: Set<NatsConsumer>;
  readonly maxBytes: number;
  readonly inboxPrefix: string;
}

export interface ConsumerTarget extends Required<ConsumerOptions> {
  readonly address: string;
  readonly group: string;
}

export class NatsConsumer implements Consumer {
  readonly #context: ConsumerContext;
  readonly #target: ConsumerTarget;
  readonly #mailbox: Mailbox<NatsItem>;
  readonly #leases: Leases;
  readonly #returns: Returns<NatsItem>;
  /** Deliveries that nobody takes, to be handed back. */
  #refused: NatsItem[] = [];
  readonly #closed = new AbortController();
  readonly #unwatch: () => void;
  #unreadBytes = 0;
  #isReceiving = false;
  /** Somebody receives, or did lately. */
  #isWanted = false;
  #isRunning = false;
  #pull: Pull | undefined;
  /** Ends the present round of the loop. */
  #interrupt: (() => void) | undefined;
  readonly #group: GroupView;
  #cancelRenewal: (() => void) | undefined;
  #fault: TransportError | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: ConsumerContext, target: ConsumerTarget) {
    this.#context = context;
    this.#target = target;
    const { connection, clock, consumers } = context;
    this.#mailbox = new Mailbox({
      ...{ capacity: MAILBOX_EVENTS_MAX, clock },
      onFree: () => this.#want(),
      onIdle: (unread) => this.#rest(unread),
    });
    this.#leases = new Leases(() => connection.up?.nc);
    this.#returns = new Returns({
      ...{ clock, onDue: () => this.#ask() },
      onEnd: (aside) => {
        for (const item of aside) this.#offer(item);
        this.#ask();
      },
    });
    this.#group = new GroupView(context.topology, target, {
      onResume: () => {
        this.#leases.resume();
        this.#returns.restart();
      },
      onOther: () => this.#drop(),
    });
    this.#unwatch = connection.watch({ onUp: () => this.#interrupt?.(), onDown: () => this.#onDown() });
    consumers.add(this);
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Item[]> {
    this.#isReceiving = true;
    try {
      this.#want();
      const items = await this.#mailbox.take(max, signal);
      for (const { bytes } of items) this.#unreadBytes -= bytes;
      if (items.length > 0) this.#ask();
      return items;
    } finally {
      this.#isReceiving = false;
    }
  }

  settle(item: Item, how: "ack" | "release"): boolean {
    if (this.#closed.signal.aborted || !(item instanceof NatsItem) || !this.#leases.holds(item)) return false;
    if (how === "ack") this.#leases.ack(item);
    else {
      this.#leases.release(item);
      this.#returns.gaveBack(1);
    }
    return true;
  }

  get state(): ConsumerState {
    if (this.#closed.signal.aborted) return { status: "closed", error: undefined, skipped: this.#group.skipped };
    const error = this.#context.connection.fault ?? this.#fault;
    return { status: error === undefined ? "receiving" : "reconnecting", error, skipped: this.#group.skipped };
  }

  isOf(address: string, group: string | undefined): boolean {
    return this.#target.address === address && (group === undefined || this.#target.group === group);
  }

  /** What this consumer knows of an event that the server has delivered to the group. */
  progressOf(position: Position): Progress {
    const sequence = sequenceOf(position, this.#group.seen?.generation ?? "");
    if (sequence === undefined) return "unknown";
    if (this.#leases.holdsSequence(sequence)) return "open";
    return this.#leases.hasAcked(sequence) ? "settled" : "unknown";
  }

  /** The group or its topic was deleted on purpose. */
  forget(): void {
    this.#drop();
    this.#group.forget();
    this.#interrupt?.();
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    const { consumers, connection, clock } = this.#context;
    this.#closed.abort();
    this.#mailbox.close();
    this.#returns.drain();
    this.#cancelRenewal?.();
    this.#interrupt?.();
    this.#unwatch();
    await byDeadline(this.#stopPull(), deadline, clock);
    this.#leases.releaseAll();
    await connection.flush(deadline);
    consumers.delete(this);
  }

  #want(): void {
    this.#isWanted = true;
    if (this.#closed.signal.aborted) return;
    if (!this.#isRunning) void this.#run();
    this.#ask();
  }

  #rest(unread: readonly NatsItem[]): void {
    this.#isWanted = false;
    this.#unreadBytes = 0;
    this.#refused.push(...unread, ...this.#returns.drain());
    if (this.#isRunning) this.#interrupt?.();
    else this.#handBack();
  }

  /** No pull is open. A closing consumer does it by itself, with all that it holds. */
  #handBack(): void {
    const refused = this.#refused;
    this.#refused = [];
    if (this.#closed.signal.aborted) return;
    this.#leases.releaseAll(refused);
    this.#returns.gaveBack(refused.length);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isWanted && !this.#closed.signal.aborted) {
      this.#handBack();
      try {
        await this.#round();
      } catch (error) {
        this.#fault = toTransportError(error);
        if (isFinal(this.#fault)) this.#giveUp(this.#fault);
        else await this.#pause();
      }
    }
    this.#isRunning = false;
    this.#handBack();
  }

  /** Until the next `receive`, which looks again. What may not be looked at is still there, with its leases. */
  #giveUp(fault: TransportError): void {
    if (fault.code === "not_found") this.#drop();
    this.#isWanted = false;
    if (this.#isReceiving) this.#mailbox.fail(fault);
  }

  /** From a look at the server to the next fault. */
  async #round(): Promise<void> {
    const client = await this.#connected();
    if (client === undefined) return;
    const seen = await this.#group.look();
    if (!this.#isWanted || this.#closed.signal.aborted || client !== this.#context.connection.up) return;
    this.#fault = undefined;
    this.#leases.flush();
    this.#renewInTime();
    this.#expectReturns(seen);
    const over = Promise.withResolvers<void>();
    this.#interrupt = over.resolve;
    this.#pull = this.#openPull(client, seen, (reason) => {
      this.#fault = new TransportError("unavailable", `The pull from JetStream ended: ${reason}`);
      over.resolve();
    });
    this.#ask();
    await over.promise;
    this.#interrupt = undefined;
    await this.#stopPull();
  }

  #expectReturns({ consumer }: Seen): void {
    const { delivered, num_ack_pending } = consumer;
    this.#returns.expect({
      boundary: delivered.stream_seq,
      unheld: num_ack_pending - this.#leases.count,
      deliveries: delivered.consumer_seq,
      ackWaitMs: this.#ackWaitMs,
      sinceDeliveryMs: sinceDeliveryMs(consumer),
    });
  }

  /** Waits for a connection, or until nobody wants one. */
  async #connected(): Promise<Client | undefined> {
    const { connection } = this.#context;
    if (connection.isClosed) throw closedError();
    if (connection.up === undefined) await this.#pause();
    return connection.up;
  }

  async #pause(): Promise<void> {
    const woken = new AbortController();
    this.#interrupt = () => woken.abort();
    await sleep(this.#context.clock, LIMITS.retryMs, woken.signal);
    this.#interrupt = undefined;
  }

  #openPull(client: Client, { consumer, generation }: Seen, onOver: (reason: string) => void): Pull {
    const { stream_name, name, config } = consumer;
    return new Pull({
      nc: client.nc,
      clock: this.#context.clock,
      inboxPrefix: this.#context.inboxPrefix,
      subject: `${client.js.apiPrefix}.CONSUMER.MSG.NEXT.${stream_name}.${name}`,
      maxBatch: config.max_batch || MAILBOX_EVENTS_MAX,
      maxExpiresMs: config.max_expires ? millis(config.max_expires) : Number.POSITIVE_INFINITY,
      onMessage: (message) => this.#take(message, generation),
      onRest: () => this.#ask(),
      onOver,
    });
  }

  /** Asks for more once half of the mailbox is free: the rest is read while the answer is under way. */
  #ask(): void {
    const pull = this.#pull;
    const { free } = this.#mailbox;
    if (pull === undefined || !pull.isResting || free < MAILBOX_EVENTS_MAX / 2) return;
    if (this.#unreadBytes > MAILBOX_BYTES_MAX / 2) return;
    if (this.#context.connection.up === undefined) return;
    const count = this.#returns.wanted(free);
    if (count > 0) pull.ask(count, Math.max(MAILBOX_BYTES_MAX, 2 * this.#context.maxBytes));
  }

  /** HOT PATH. */
  #take(message: Msg, generation: string): void {
    if (this.#group.seen?.generation !== generation) return;
    const reply = message.reply ?? "";
    const delivery = parseDelivery(reply);
    const { sequence, count, number } = delivery;
    this.#returns.came(number);
    if (this.#leases.absorb(sequence, count > 1, reply)) return;
    this.#takeIn(message, { ...delivery, generation }, reply);
    this.#returns.arrived(sequence);
  }

  #takeIn(message: Msg, stored: Stored, reply: string): void {
    const { address, matcher, leniency } = this.#target;
    const topic = this.#context.topology.topic(address);
    const position = formatPosition(stored.generation, stored.sequence);
    const event = decodeEvent(message, position, { topic, address, leniency });
    if (!isMalformed(event) && !matcher.matches(event)) {
      this.#leases.skip(reply);
      return;
    }
    const item = new NatsItem(stored, event, message.data.length, reply);
    this.#leases.hold(item);
    if (!this.#returns.keep(item.sequence, item)) this.#offer(item);
  }

  #offer(item: NatsItem): void {
    if (this.#mailbox.push(item)) this.#unreadBytes += item.bytes;
    else this.#refused.push(item);
  }

  get #ackWaitMs(): number {
    return millis(this.#group.seen?.consumer.config.ack_wait ?? 0) || LIMITS.ackWaitMs;
  }

  /** Three times within the ack_wait; once within it, it is looked how far the group is. */
  #renewInTime(round = 1): void {
    this.#cancelRenewal ??= this.#context.clock.timer(this.#ackWaitMs / 3, () => {
      this.#cancelRenewal = undefined;
      this.#leases.renew();
      if (this.#pull !== undefined && round % 3 === 0) void this.#group.follow();
      if (this.#isWanted || this.#leases.count > 0) this.#renewInTime(round + 1);
    });
  }

  #onDown(): void {
    this.#pull?.drop();
    this.#pull = undefined;
    this.#interrupt?.();
  }

  /**
   * After it the server sends nothing more to the pull, and all that it has sent is here. It only notices that nobody
   * waits any more when it next looks at the consumer, or has something to send, which it then puts behind the rest.
   */
  async #stopPull(): Promise<void> {
    const pull = this.#pull;
    if (pull === undefined) return;
    this.#pull = undefined;
    await pull.stop();
    if (this.#context.connection.up !== undefined) await this.#group.follow();
  }

  /** What is held and waits belongs to a stream or a consumer that is gone. */
  #drop(): void {
    this.#returns.restart();
    this.#mailbox.drain();
    this.#returns.drain();
    this.#refused = [];
    this.#unreadBytes = 0;
    this.#leases.drop();
  }
}

function isFinal({ code }: TransportError): boolean {
  return code === "not_found" || code === "permission_denied" || code === "fenced" || code === "closed";
}
