/** One configured NATS server or cluster as a transport. See README.md beside this file. */
import { uncounted } from "../../src/event/leniency.ts";
import type { AdapterContext } from "../../src/transport/adapter.ts";
import {
  type Capabilities,
  type Consumer,
  type ConsumerOptions,
  type GroupStats,
  type Item,
  type Position,
  type Progress,
  type Publisher,
  type Start,
  type TopicPage,
  type TopicSettings,
  type TopicStats,
  type Transport,
  TransportError,
} from "../../src/transport/port.ts";
import { Connection } from "./connection.ts";
import { NatsConsumer } from "./consumer.ts";
import { closedError } from "./errors.ts";
import { Pipeline } from "./pipeline.ts";
import { NatsPublisher } from "./publisher.ts";
import { Reader } from "./reader.ts";
import { type NatsSettings, topicOf } from "./settings.ts";
import { Topology } from "./topology.ts";

export class NatsTransport implements Transport {
  readonly capabilities: Capabilities;
  readonly #context: AdapterContext;
  readonly #connection: Connection;
  readonly #topology: Topology;
  readonly #reader: Reader;
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #publishers = new Set<NatsPublisher>();
  readonly #consumers = new Set<NatsConsumer>();
  readonly #maxBytes: number;
  readonly #inboxPrefix: string;
  #closing: Promise<void> | undefined;

  constructor(capabilities: Capabilities, settings: NatsSettings, context: AdapterContext) {
    this.#maxBytes = settings.maxPayloadBytes;
    this.#inboxPrefix = settings.inboxPrefix;
    this.capabilities = { ...capabilities, limits: { ...capabilities.limits, eventBytes: this.#maxBytes } };
    this.#context = context;
    this.#connection = new Connection(settings, context);
    this.#topology = new Topology(this.#connection, context.logger);
    this.#reader = new Reader(this.#connection, this.#topology);
  }

  publisher(address: string): Publisher {
    return new NatsPublisher({
      pipeline: this.#pipeline(address),
      clock: this.#context.clock,
      busy: this.#publishers,
    });
  }

  consumer(address: string, group: string, { matcher, leniency = uncounted }: ConsumerOptions): Consumer {
    const { clock } = this.#context;
    return new NatsConsumer(
      {
        ...{ connection: this.#connection, topology: this.#topology, clock, maxBytes: this.#maxBytes },
        ...{ consumers: this.#consumers, inboxPrefix: this.#inboxPrefix },
      },
      { address, group, matcher, leniency },
    );
  }

  provision(address: string, settings: TopicSettings): Promise<void> {
    return this.#topology.provision(address, topicOf(settings));
  }

  async deprovision(address: string): Promise<void> {
    await this.#topology.deprovision(address);
    this.#forget(address, undefined);
  }

  createGroup(address: string, group: string, start: Start): Promise<void> {
    return this.#topology.createGroup(address, group, start);
  }

  async deleteGroup(address: string, group: string): Promise<void> {
    await this.#topology.deleteGroup(address, group);
    this.#forget(address, group);
  }

  /** JetStream keeps what its stream's limits say, whoever has read it. */
  holdBack(): void {}

  /** The stream, with the time of its creation, and the subject: one stream may hold several topics. */
  async place(address: string): Promise<string> {
    const { config, created } = await this.#topology.stream(address);
    return `nats:${config.name}:${created}:${address}`;
  }

  async stats(address: string, group: string): Promise<GroupStats> {
    const stats = await this.#reader.stats(address, group);
    const consumers = [...this.#consumers].filter((consumer) => consumer.isOf(address, group));
    return { ...stats, skipped: Math.max(0, ...consumers.map(({ state }) => state.skipped)) };
  }

  topicStats(address: string): Promise<TopicStats> {
    return this.#reader.topicStats(address);
  }

  async progress(address: string, group: string, position: Position): Promise<Progress> {
    const progress = await this.#reader.progress(address, group, position);
    if (progress !== "unknown") return progress;
    const known = [...this.#consumers]
      .filter((consumer) => consumer.isOf(address, group))
      .map((consumer) => consumer.progressOf(position));
    return known.find((one) => one !== "unknown") ?? progress;
  }

  read(address: string, from: Start, max: number): Promise<TopicPage> {
    return this.#reader.read(address, from, max);
  }

  /** A stream has no index of identities, and reading all of it over the network is no answer to a question. */
  async find(): Promise<{ readonly items: readonly Item[]; readonly complete: boolean }> {
    if (this.#connection.isClosed) throw closedError();
    throw new TransportError("invalid", "JetStream can't look up an event by its source and id");
  }

  async check(): Promise<void> {
    await this.#connection.requireUp();
    await this.#connection.request(({ jsm }) => jsm.getAccountInfo());
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    await Promise.all([...this.#publishers, ...this.#consumers].map((part) => part.close(deadline)));
    await this.#connection.close(deadline);
  }

  /** One for each address, so that all its publishers share one order. */
  #pipeline(address: string): Pipeline {
    const known = this.#pipelines.get(address);
    if (known !== undefined) return known;
    const { clock } = this.#context;
    const context = { connection: this.#connection, topology: this.#topology, clock, maxBytes: this.#maxBytes };
    const pipeline = new Pipeline(context, address);
    this.#pipelines.set(address, pipeline);
    return pipeline;
  }

  #forget(address: string, group: string | undefined): void {
    for (const consumer of this.#consumers) if (consumer.isOf(address, group)) consumer.forget();
  }
}
