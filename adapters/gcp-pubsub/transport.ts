/** One configured instance. */
import { uncounted } from "../../src/event/leniency.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type {
  Capabilities,
  Consumer,
  ConsumerOptions,
  GroupStats,
  Item,
  Progress,
  Publisher,
  Start,
  TopicPage,
  TopicSettings,
  TopicStats,
  Transport,
} from "../../src/transport/port.ts";
import { TransportError } from "../../src/transport/port.ts";
import { PubsubConsumer } from "./consumer.ts";
import type { PubsubContext } from "./context.ts";
import { closedError } from "./errors.ts";
import { topicName } from "./names.ts";
import { PubsubPublisher } from "./publisher.ts";
import {
  createGroup,
  deleteGroup,
  deleteTopic,
  provisionTopic,
  requireSubscription,
  requireTopic,
} from "./topology.ts";

/** Of an address that was never provisioned. */
const DEFAULTS: TopicSettings = {
  retention: { maxAgeMs: 0, maxBytes: 0 },
  holdBackMs: 0,
  whenFull: "reject",
  strict: false,
  envelope: "cloudevents",
  mode: "keep",
  key: undefined,
  provision: true,
  dedupe: undefined,
  options: {},
};
/** A topic that need not exist: being told so is an answer, too. */
const CHECKED_TOPIC = "pulsebus-check";

export class PubsubTransport implements Transport {
  readonly capabilities: Capabilities;
  readonly #context: PubsubContext;
  readonly #settings: Map<string, TopicSettings>;
  readonly #publishers = new Set<PubsubPublisher>();
  readonly #consumers = new Set<PubsubConsumer>();
  #closing: Promise<void> | undefined;

  constructor(capabilities: Capabilities, context: Omit<PubsubContext, "settingsOf">) {
    const settings = new Map<string, TopicSettings>();
    this.capabilities = capabilities;
    this.#settings = settings;
    this.#context = { ...context, settingsOf: (address) => settings.get(address) ?? DEFAULTS };
  }

  publisher(address: string): Publisher {
    const publisher = new PubsubPublisher(this.#context, address, () => this.#publishers.delete(publisher));
    this.#publishers.add(publisher);
    if (this.#closing !== undefined) void publisher.close(0);
    return publisher;
  }

  consumer(address: string, group: string, { matcher, leniency = uncounted }: ConsumerOptions): Consumer {
    const target = { address, group, matcher, leniency };
    const consumer = new PubsubConsumer(this.#context, target, () => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    if (this.#closing !== undefined) void consumer.close(0);
    return consumer;
  }

  async provision(address: string, settings: TopicSettings): Promise<void> {
    this.#refuseWhenClosed();
    this.#settings.set(address, settings); // also when the service can't be reached now: a key must not be lost
    await provisionTopic(this.#context, address, settings);
  }

  async deprovision(address: string): Promise<void> {
    this.#refuseWhenClosed();
    if (!this.#context.settingsOf(address).provision) return;
    await deleteTopic(this.#context, address);
    for (const consumer of this.#consumers) if (consumer.address === address) consumer.forget();
  }

  async createGroup(address: string, group: string, start: Start): Promise<void> {
    this.#refuseWhenClosed();
    await createGroup(this.#context, { address, group, start });
  }

  async deleteGroup(address: string, group: string): Promise<void> {
    this.#refuseWhenClosed();
    if (!this.#context.settingsOf(address).provision) return;
    await deleteGroup(this.#context, address, group);
    for (const consumer of this.#consumers) {
      if (consumer.address === address && consumer.group === group) consumer.forget();
    }
  }

  holdBack(): void {}

  async place(address: string): Promise<string> {
    this.#refuseWhenClosed();
    return topicName(this.#context.projectId, address);
  }

  /** The service tells numbers only through its monitoring, minutes late. */
  async stats(address: string, group: string): Promise<GroupStats> {
    this.#refuseWhenClosed();
    await requireSubscription(this.#context, this.#context.channels.subscriber, address, group);
    return { backlog: undefined, oldestAt: undefined, skipped: 0 };
  }

  async topicStats(address: string): Promise<TopicStats> {
    this.#refuseWhenClosed();
    await requireTopic(this.#context, address);
    return { events: undefined, bytes: undefined, oldestAt: undefined, newestAt: undefined };
  }

  async progress(address: string, group: string): Promise<Progress> {
    this.#refuseWhenClosed();
    await requireSubscription(this.#context, this.#context.channels.subscriber, address, group);
    return "unknown";
  }

  async read(): Promise<TopicPage> {
    this.#refuseWhenClosed();
    throw new TransportError("invalid", "A Pub/Sub topic can't be read without a subscription");
  }

  async find(): Promise<{ readonly items: readonly Item[]; readonly complete: boolean }> {
    this.#refuseWhenClosed();
    throw new TransportError("invalid", "A Pub/Sub topic can't be searched");
  }

  async check(): Promise<void> {
    this.#refuseWhenClosed();
    try {
      await requireTopic(this.#context, CHECKED_TOPIC);
    } catch (error) {
      if (!(error instanceof TransportError && error.code === "not_found")) throw error;
    }
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    const { channels, clock } = this.#context;
    await Promise.all([...this.#publishers, ...this.#consumers].map((part) => part.close(deadline)));
    await byDeadline(channels.close(), deadline, clock);
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}
