/** One configured RabbitMQ: its connections, and what of the port is no publisher and no consumer. */
import type { Channel, ChannelModel } from "amqplib";
import { uncounted } from "../../src/event/leniency.ts";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import type { AdapterContext } from "../../src/transport/adapter.ts";
import {
  type Capabilities,
  type Consumer,
  type ConsumerOptions,
  type GroupStats,
  type Progress,
  type Publisher,
  type Start,
  type TopicPage,
  type TopicSettings,
  type TopicStats,
  type Transport,
  TransportError,
} from "../../src/transport/port.ts";
import { capabilitiesFor } from "./capabilities.ts";
import { Claims } from "./claims.ts";
import { AmqpConsumer } from "./consumer.ts";
import { closedError, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { Link } from "./link.ts";
import { checkExchangeName, queueName } from "./names.ts";
import { PublishChannel } from "./publish-channel.ts";
import { AmqpPublisher } from "./publisher.ts";
import { type AmqpSettings, parseServers, type Server } from "./settings.ts";
import { Topics } from "./topics.ts";
import { declareExchange, declareQueue, placeOf } from "./topology.ts";

export class AmqpTransport implements Transport {
  readonly capabilities: Capabilities;
  readonly #settings: AmqpSettings;
  readonly #clock: Clock;
  readonly #servers: readonly Server[];
  /** Opened when something is published. */
  readonly #publishing: Link;
  /** Consumers, topology and `check`. */
  readonly #consuming: Link;
  readonly #topics = new Topics();
  readonly #claims: Claims;
  readonly #channels = new Map<string, PublishChannel>();
  readonly #publishers = new Set<AmqpPublisher>();
  readonly #consumers = new Set<AmqpConsumer>();
  readonly #closed = new AbortController();
  #cancelSweep: () => void;
  #closing: Promise<void> | undefined;

  constructor(settings: AmqpSettings, { name, busId, clock, logger }: AdapterContext) {
    this.#settings = settings;
    this.#clock = clock;
    this.#servers = parseServers(settings);
    this.capabilities = capabilitiesFor(settings);
    const link = (role: string): Link =>
      new Link({ name: `pulsebus ${busId} ${name} ${role}`, servers: this.#servers, settings, clock, logger });
    this.#publishing = link("publishing");
    this.#consuming = link("consuming");
    this.#claims = new Claims(LIMITS.ownerHeartbeats * settings.heartbeat * 1_000, clock);
    this.#consuming.start();
    this.#cancelSweep = this.#sweepLater();
  }

  publisher(address: string): Publisher {
    const topic = this.#topics.get(address);
    const publisher = new AmqpPublisher({
      link: this.#publishing,
      channel: this.#channel(address),
      settings: () => topic.settings,
      clock: this.#clock,
      closed: this.#closed.signal,
    });
    this.#publishers.add(publisher);
    return publisher;
  }

  consumer(address: string, group: string, { matcher, leniency = uncounted }: ConsumerOptions): Consumer {
    const topic = this.#topics.get(address);
    topic.groups.add(group);
    const { prefetch } = this.#settings;
    const consumer = new AmqpConsumer({
      ...{ address, group, matcher, leniency, prefetch },
      link: this.#consuming,
      settings: () => topic.settings,
      claims: this.#claims,
      clock: this.#clock,
      onClosed: (closed) => this.#consumers.delete(closed),
    });
    if (this.#closed.signal.aborted) void consumer.close(0);
    else this.#consumers.add(consumer);
    return consumer;
  }

  async provision(address: string, settings: TopicSettings): Promise<void> {
    checkExchangeName(address);
    const { options } = this.#topics.configure(address, settings);
    this.#channel(address).mandatory = options.mandatory;
    await this.#operate(async (channel) => {
      if (settings.provision) await declareExchange(channel, address, options);
      else await channel.checkExchange(address);
    });
  }

  /**
   * Deletes the exchange and the queues of the groups that this process has seen. AMQP lists no bindings, so a queue
   * that an earlier process made is deleted with its group only.
   */
  async deprovision(address: string): Promise<void> {
    const { groups } = this.#topics.get(address);
    await this.#operate(async (channel) => {
      await channel.deleteExchange(address);
      for (const group of groups) await channel.deleteQueue(queueName(address, group));
    });
    groups.clear();
    this.#channels.get(address)?.reset();
    await this.#detach((consumer) => consumer.address === address);
  }

  async createGroup(address: string, group: string, start: Start): Promise<void> {
    if (!this.capabilities.starts.includes(start.at)) {
      throw new TransportError("invalid", `A group on RabbitMQ starts at the latest event, not at "${start.at}"`);
    }
    const { settings, options, groups } = this.#topics.get(address);
    const queue = queueName(address, group);
    await this.#operate(async (channel) => {
      if (settings.provision) return declareQueue(channel, queue, address, options);
      await channel.checkExchange(address);
      await channel.checkQueue(queue);
    });
    groups.add(group);
  }

  async deleteGroup(address: string, group: string): Promise<void> {
    await this.#operate((channel) => channel.deleteQueue(queueName(address, group)));
    this.#topics.get(address).groups.delete(group);
    await this.#detach((consumer) => consumer.address === address && consumer.group === group);
  }

  /** A queue holds what its group has not settled, and nothing of another's. */
  holdBack(): void {}

  async place(address: string): Promise<string> {
    checkExchangeName(address);
    const model = await this.#connection(this.#clock.now() + LIMITS.operationMs);
    return placeOf(model, this.#servers[0]?.vhost ?? "/", address);
  }

  /** What is ready in the queue: without what was prefetched or is being delivered. */
  async stats(address: string, group: string): Promise<GroupStats> {
    const { messageCount } = await this.#operate(async (channel) => {
      await channel.checkExchange(address);
      return channel.checkQueue(queueName(address, group));
    });
    return { backlog: messageCount, oldestAt: undefined, skipped: 0 };
  }

  async topicStats(address: string): Promise<TopicStats> {
    await this.#operate((channel) => channel.checkExchange(address));
    return { events: undefined, bytes: undefined, oldestAt: undefined, newestAt: undefined };
  }

  async progress(): Promise<Progress> {
    return "unknown";
  }

  async read(): Promise<TopicPage> {
    throw new TransportError("invalid", "RabbitMQ keeps no event that is not in the queue of a group: nothing to read");
  }

  async find(): Promise<never> {
    throw new TransportError("invalid", "RabbitMQ keeps no event that is not in the queue of a group: nothing to find");
  }

  async check(): Promise<void> {
    this.#consuming.hurry();
    if (this.#publishing.isStarted) {
      this.#publishing.hurry();
      await this.#publishing.connectionBy(this.#clock.now() + LIMITS.checkMs);
    }
    await this.#operate(async () => undefined, LIMITS.checkMs);
    const { fault } = this.#publishing;
    if (fault !== undefined) throw fault;
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    this.#closed.abort();
    this.#cancelSweep();
    const parts = [...this.#publishers, ...this.#consumers];
    await Promise.all(parts.map((part) => part.close(deadline)));
    for (const channel of this.#channels.values()) channel.abandon();
    await Promise.all([this.#publishing.close(deadline), this.#consuming.close(deadline)]);
  }

  #channel(address: string): PublishChannel {
    let channel = this.#channels.get(address);
    if (channel === undefined) {
      channel = new PublishChannel(this.#publishing, address, this.#settings.maxMessageBytes);
      this.#channels.set(address, channel);
    }
    return channel;
  }

  /** What is deleted is not received any more, also before the broker has cancelled its consumers. */
  async #detach(isGone: (consumer: AmqpConsumer) => boolean): Promise<void> {
    await Promise.all([...this.#consumers].filter(isGone).map((consumer) => consumer.detach()));
  }

  /** A broker has some 2,000 channels a connection, so those of quiet topics are closed. */
  #sweepLater(): () => void {
    return this.#clock.timer(LIMITS.idleChannelMs, () => {
      for (const channel of this.#channels.values()) channel.closeIfIdle();
      this.#cancelSweep = this.#sweepLater();
    });
  }

  async #connection(deadline: number): Promise<ChannelModel> {
    if (this.#closed.signal.aborted) throw closedError();
    return this.#consuming.connectionBy(deadline);
  }

  /**
   * On a channel of its own, since a failing operation takes its channel along. All are idempotent, so one that a lost
   * connection cut off is made again on the next.
   */
  async #operate<T>(operation: (channel: Channel) => Promise<T>, withinMs: number = LIMITS.operationMs): Promise<T> {
    const deadline = this.#clock.now() + withinMs;
    for (;;) {
      const model = await this.#connection(deadline);
      try {
        return await this.#byDeadline(onOwnChannel(model, operation), deadline);
      } catch (error) {
        const fault = toTransportError(error);
        if (fault.code !== "unavailable" || this.#clock.now() >= deadline) throw fault;
        await sleep(this.#clock, LIMITS.reconnectMs, this.#closed.signal);
      }
    }
  }

  async #byDeadline<T>(work: Promise<T>, deadline: number): Promise<T> {
    const done = new AbortController();
    const late = sleep(this.#clock, Math.max(0, deadline - this.#clock.now()), done.signal);
    const answer = await Promise.race([work.then((value) => ({ value })), late]).finally(() => done.abort());
    if (answer === undefined) throw new TransportError("timeout", "RabbitMQ did not answer in time");
    return answer.value;
  }
}

async function onOwnChannel<T>(model: ChannelModel, operation: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await model.createChannel();
  channel.on("error", () => undefined); // the operation rejects with it
  try {
    return await operation(channel);
  } finally {
    await channel.close().catch(() => undefined); // the broker has closed it when the operation failed
  }
}
