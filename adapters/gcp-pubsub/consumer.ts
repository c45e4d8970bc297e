/** The consumer of the port: what the puller brings goes through the mailbox; leases and settlements are kept beside. */
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import { Mailbox } from "../../src/transport/mailbox.ts";
import {
  type Consumer,
  type ConsumerState,
  type Item,
  isMalformed,
  type Matcher,
  type TransportError,
} from "../../src/transport/port.ts";
import { decode, type IncomingMessage } from "./binding.ts";
import { type PubsubContext, positionOf } from "./context.ts";
import { closedError } from "./errors.ts";
import { Leases } from "./leases.ts";
import { LIMITS } from "./limits.ts";
import { subscriptionName, topicName } from "./names.ts";
import { Puller } from "./puller.ts";
import type { SubscriberChannel } from "./sdk.ts";
import { type Settlement, Settlements } from "./settlements.ts";
import { requireSubscription } from "./topology.ts";

export interface ConsumerTarget {
  readonly address: string;
  readonly group: string;
  readonly matcher: Matcher;
  readonly leniency: DecodeOptions["leniency"];
}

/** As the SDK has it. */
interface Received {
  readonly ackId?: string | null;
  readonly message?:
    | (IncomingMessage & { readonly publishTime?: Timestamp | null; readonly orderingKey?: string | null })
    | null;
}

interface Timestamp {
  readonly seconds?: unknown;
  readonly nanos?: number | null;
}

export class PubsubConsumer implements Consumer {
  readonly address: string;
  readonly group: string;
  readonly #matcher: Matcher;
  readonly #leniency: DecodeOptions["leniency"];
  readonly #context: PubsubContext;
  readonly #subscription: string;
  readonly #pulls: { readonly channel: SubscriberChannel; release(): void };
  readonly #mailbox: Mailbox<Item>;
  readonly #puller: Puller<Received>;
  readonly #leases: Leases;
  readonly #settlements: Settlements;
  readonly #onClose: () => void;
  #isReceiving = false;
  #forgottenAt = 0;
  #closing: Promise<void> | undefined;

  constructor(context: PubsubContext, target: ConsumerTarget, onClose: (consumer: PubsubConsumer) => void) {
    const { clock, projectId, channels } = context;
    this.address = target.address;
    this.group = target.group;
    this.#matcher = target.matcher;
    this.#leniency = target.leniency;
    this.#context = context;
    this.#subscription = subscriptionName(projectId, target.address, target.group);
    this.#pulls = channels.puller();
    this.#onClose = () => onClose(this);
    this.#leases = new Leases(clock, (ackIds) => this.#modifyDeadline(ackIds, LIMITS.leaseSeconds));
    this.#settlements = new Settlements(clock, (how, ackIds) => this.#sendSettlements(how, ackIds));
    this.#puller = new Puller({
      clock,
      room: () => this.#room(),
      pull: (max, signal) => this.#pull(max, signal),
      received: (messages, sentAt) => this.#take(messages, sentAt),
      probe: () => requireSubscription(context, this.#pulls.channel, target.address, target.group),
      failed: (error) => this.#fail(error),
    });
    this.#mailbox = new Mailbox({
      capacity: LIMITS.mailboxEvents,
      clock,
      onFree: () => this.#puller.wake(),
      onIdle: (unread) => this.#handBack(unread),
    });
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Item[]> {
    if (this.#closing !== undefined) throw closedError();
    const isFirst = !this.#isReceiving;
    this.#isReceiving = true;
    this.#puller.start();
    try {
      return await this.#mailbox.take(max, signal);
    } finally {
      if (isFirst) this.#isReceiving = false;
    }
  }

  settle(item: Item, how: Settlement): boolean {
    const lease = this.#leases.take(item);
    if (lease === undefined) return false;
    this.#settlements.add(how, lease);
    return true;
  }

  get state(): ConsumerState {
    const error = this.#puller.fault;
    const status = this.#closing !== undefined ? "closed" : error === undefined ? "receiving" : "reconnecting";
    return { status, error, skipped: 0 };
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  /** The subscription is gone, and with it all that this consumer holds, or is just being handed. */
  forget(): void {
    this.#forgottenAt = this.#context.clock.monotonic();
    this.#mailbox.drain();
    this.#leases.takeAll();
  }

  async #close(deadline: number): Promise<void> {
    this.#mailbox.close();
    await byDeadline(this.#drain(), deadline, this.#context.clock);
    this.#settlements.close();
    this.#pulls.release();
    this.#onClose();
  }

  async #drain(): Promise<void> {
    await this.#puller.close();
    for (const lease of this.#leases.takeAll()) this.#settlements.add("release", lease);
    await this.#settlements.drained();
  }

  /** A pull is worth a request for half a mailbox; less would be asked for again and again by a slow subscription. */
  #room(): number {
    const { free } = this.#mailbox;
    return free >= LIMITS.mailboxEvents / 2 ? free : 0;
  }

  async #pull(max: number, signal: AbortSignal): Promise<readonly Received[]> {
    const request = { subscription: this.#subscription, maxMessages: max };
    try {
      const { receivedMessages } = await this.#pulls.channel.call(
        this.#naming("Receiving from"),
        (client, options) => client.pull(request, options),
        { timeoutMs: LIMITS.pullTimeoutMs, signal, mayTimeOut: true },
      );
      return receivedMessages ?? [];
    } catch (error) {
      if (isTimeout(error)) return [];
      throw error;
    }
  }

  #take(messages: readonly Received[], sentAt: number): void {
    if (sentAt < this.#forgottenAt) return;
    for (const { ackId, message } of messages) {
      if (typeof ackId !== "string" || message === null || message === undefined) continue;
      const item = this.#itemOf(message);
      this.#leases.hold(item, ackId, sentAt);
      const isWanted = isMalformed(item.event) || this.#matcher.matches(item.event);
      if (!isWanted) this.settle(item, "ack");
      else if (!this.#mailbox.push(item)) this.settle(item, "release");
    }
  }

  #itemOf(message: NonNullable<Received["message"]>): Item {
    const { projectId, settingsOf } = this.#context;
    const { address } = this;
    const { strict, envelope } = settingsOf(address);
    return {
      event: decode(message, { address, strict, envelope, leniency: this.#leniency }),
      position: positionOf(topicName(projectId, this.address), message.messageId ?? ""),
      redelivered: true, // the service does not tell
      deliveries: undefined,
      storedAt: millisecondsOf(message.publishTime),
      key: message.orderingKey || undefined,
    };
  }

  /** Only who waits now is told: what was true then may be over when somebody asks again. */
  #fail(error: TransportError): void {
    if (error.code === "not_found") this.forget();
    if (this.#isReceiving) this.#mailbox.fail(error);
  }

  #handBack(unread: readonly Item[]): void {
    for (const item of unread) this.settle(item, "release");
  }

  async #sendSettlements(how: Settlement, ackIds: readonly string[]): Promise<void> {
    if (how === "release") return this.#modifyDeadline(ackIds, 0);
    const request = { subscription: this.#subscription, ackIds: [...ackIds] };
    await this.#context.channels.subscriber.call(this.#naming("Acking in"), (client, options) =>
      client.acknowledge(request, options),
    );
  }

  async #modifyDeadline(ackIds: readonly string[], ackDeadlineSeconds: number): Promise<void> {
    const request = { subscription: this.#subscription, ackIds: [...ackIds], ackDeadlineSeconds };
    await this.#context.channels.subscriber.call(this.#naming("Leasing from"), (client, options) =>
      client.modifyAckDeadline(request, options),
    );
  }

  #naming(what: string): string {
    return `${what} the group "${this.group}" of the topic "${this.address}"`;
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "timeout";
}

function millisecondsOf(time: Timestamp | null | undefined): number | undefined {
  if (time === null || time === undefined) return undefined;
  return Number(time.seconds ?? 0) * 1_000 + Math.floor((time.nanos ?? 0) / 1_000_000);
}
