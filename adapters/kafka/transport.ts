/** One configured Kafka cluster as the core sees it. */
import { uncounted } from "../../src/event/leniency.ts";
import type { AdapterContext } from "../../src/transport/adapter.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type {
  Capabilities,
  Consumer,
  ConsumerOptions,
  GroupStats,
  Item,
  Position,
  Progress,
  Publisher,
  Start,
  TopicPage,
  TopicSettings,
  TopicStats,
  Transport,
  TransportError,
} from "../../src/transport/port.ts";
import { AdminClient } from "./admin-client.ts";
import { Browser } from "./browser.ts";
import { KafkaConsumer, type Owners } from "./consumer.ts";
import { type KafkaContext, nativeGroup, type WireSettings } from "./context.ts";
import { closedError, groupNotFound, topicNotFound } from "./errors.ts";
import { type GroupState, Groups } from "./groups.ts";
import { LIMITS } from "./limits.ts";
import { parsePosition } from "./position.ts";
import { ProducerClient } from "./producer-client.ts";
import { groupStats, progressOf, unreadFrom } from "./progress.ts";
import { KafkaPublisher } from "./publisher.ts";
import { Sender } from "./sender.ts";
import { clientOptions, type KafkaSettings } from "./settings.ts";
import { EARLIEST, LATEST, Topology } from "./topology.ts";

/** Of an address that was never provisioned here. */
const DEFAULTS: WireSettings = {
  strict: false,
  mode: "keep",
  key: undefined,
  envelope: "cloudevents",
  provision: true,
};

export class KafkaTransport implements Transport {
  readonly capabilities: Capabilities;
  readonly #context: KafkaContext;
  readonly #topology: Topology;
  readonly #browser: Browser;
  readonly #groups: Groups;
  readonly #settings = new Map<string, WireSettings>();
  readonly #senders = new Map<string, Sender>();
  readonly #consumers = new Set<KafkaConsumer>();
  readonly #owners: Owners = new Map();
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(settings: KafkaSettings, { busId, clock, logger }: AdapterContext, capabilities: Capabilities) {
    const options = clientOptions(settings);
    this.capabilities = capabilities;
    this.#context = {
      ...{ settings, busId, clock, logger },
      admin: new AdminClient(options, clock),
      producer: new ProducerClient(options, settings.compression),
      closed: this.#closed.signal,
      topicSettings: (address) => this.#settings.get(address) ?? DEFAULTS,
    };
    this.#topology = new Topology(this.#context);
    this.#browser = new Browser(this.#context, this.#topology);
    this.#groups = new Groups(this.#context, this.#topology, this.#browser);
  }

  publisher(address: string): Publisher {
    let sender = this.#senders.get(address);
    if (sender === undefined) {
      sender = new Sender(this.#context, address);
      this.#senders.set(address, sender);
    }
    return new KafkaPublisher(this.#context, sender);
  }

  consumer(address: string, group: string, { matcher, leniency = uncounted }: ConsumerOptions): Consumer {
    const consumer: KafkaConsumer = new KafkaConsumer({
      ...{ context: this.#context, topology: this.#topology, groups: this.#groups },
      ...{ address, group, matcher, leniency, owners: this.#owners },
      onClosed: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  async provision(address: string, settings: TopicSettings): Promise<void> {
    this.#settings.set(address, settings);
    await this.#topology.provision(address, settings);
    this.#context.producer.forgetMetadata();
  }

  async deprovision(address: string): Promise<void> {
    await this.#endSessions((consumer) => consumer.address === address, topicNotFound(address));
    await this.#topology.deprovision(address);
    this.#context.producer.forgetMetadata();
  }

  async createGroup(address: string, group: string, start: Start): Promise<void> {
    await this.#groups.create(address, group, start);
  }

  async deleteGroup(address: string, group: string): Promise<void> {
    const owner = this.#owners.get(nativeGroup(this.#context.busId, group));
    await this.#endSessions((consumer) => consumer === owner, groupNotFound(address, group));
    await this.#groups.delete(group);
  }

  /** Retention is the cluster's own. */
  holdBack(): void {}

  async place(address: string): Promise<string> {
    return `kafka/${await this.#topology.clusterId()}/${address}`;
  }

  async stats(address: string, group: string): Promise<GroupStats> {
    const state = await this.#groups.load(address, group);
    const session = this.#sessionOf(group);
    const stats = groupStats(state, session);
    const oldestAt = stats.backlog > 0 ? await this.#browser.oldestAt(address, unreadFrom(state, session)) : undefined;
    return { ...stats, oldestAt };
  }

  async topicStats(address: string): Promise<TopicStats> {
    const { leaders } = await this.#topology.topic(address);
    const [begins, ends] = await Promise.all([
      this.#topology.offsets(address, leaders.length, EARLIEST),
      this.#topology.offsets(address, leaders.length, LATEST),
    ]);
    const events = [...ends].reduce((sum, [n, end]) => sum + Number(end - (begins.get(n) ?? 0n)), 0);
    if (events === 0) return { events, bytes: undefined, oldestAt: undefined, newestAt: undefined };
    const [oldestAt, newestAt] = await Promise.all([
      this.#browser.oldestAt(address, begins),
      this.#topology.newestAt(address, leaders.length),
    ]);
    return { events, bytes: undefined, oldestAt, newestAt };
  }

  async progress(address: string, group: string, position: Position): Promise<Progress> {
    const state: GroupState = await this.#groups.load(address, group);
    const parts = parsePosition(position);
    if (parts?.topicId !== state.topicId) return "unknown";
    return progressOf(state, this.#sessionOf(group), parts);
  }

  async read(address: string, from: Start, max: number): Promise<TopicPage> {
    return this.#browser.read(address, from, max);
  }

  async find(
    address: string,
    identity: { readonly source: string; readonly id: string },
  ): Promise<{ readonly items: readonly Item[]; readonly complete: boolean }> {
    return this.#browser.find(address, identity);
  }

  async check(): Promise<void> {
    await this.#topology.clusterId();
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    const { clock, admin, producer } = this.#context;
    this.#closed.abort();
    const consumers = [...this.#consumers].map((consumer) => consumer.close(deadline));
    const senders = [...this.#senders.values()].map((sender) => sender.drained());
    await byDeadline(Promise.all([...consumers, ...senders]), deadline, clock);
    await byDeadline(
      Promise.all([admin.close(), producer.close()]),
      Math.max(deadline, clock.now() + LIMITS.retryMs),
      clock,
    );
  }

  #sessionOf(group: string) {
    return this.#owners.get(nativeGroup(this.#context.busId, group))?.session;
  }

  async #endSessions(belongs: (consumer: KafkaConsumer) => boolean, error: TransportError): Promise<void> {
    if (this.#closed.signal.aborted) throw closedError();
    const deadline = this.#context.clock.now() + LIMITS.requestMs;
    await Promise.all([...this.#consumers].filter(belongs).map((consumer) => consumer.endSession(deadline, error)));
  }
}
