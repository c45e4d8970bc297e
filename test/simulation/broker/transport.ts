/**
 * A Transport on the simulated broker: what an adapter does, on virtual time and under the circumstances of a process.
 * Those cases of the transport conformance suite that a broker without connections can show prove it.
 */
import { OffsetTracker } from "../../../src/transport/offset-tracker.ts";
import {
  type Capabilities,
  type Consumer,
  type ConsumerOptions,
  type GroupStats,
  type Progress,
  type Publisher,
  type Start,
  type TopicPage,
  type TopicStats,
  type Transport,
  TransportError,
} from "../../../src/transport/port.ts";
import { type Circumstances, wayOf } from "../circumstances.ts";
import type { Way } from "../store/memory-store.ts";
import { type Broker, Group, type Topic } from "./broker.ts";
import { type ConsumerSettings, SimulatedConsumer } from "./consumer.ts";
import { SimulatedPublisher } from "./publisher.ts";

const EVENT_BYTES_MAX = 256 * 1024;
/** Read ahead where nothing is kept in order. */
const REORDERS = 6;

export interface TransportSettings {
  readonly ordering: "none" | "topic";
  readonly keepsEachAck: boolean;
  readonly tracker?: (next: bigint) => OffsetTracker;
}

export class SimulatedTransport implements Transport {
  readonly capabilities: Capabilities;
  readonly #broker: Broker;
  readonly #circumstances: Circumstances;
  readonly #settings: ConsumerSettings;
  readonly #way: Way;
  readonly #consumers = new Set<SimulatedConsumer>();
  readonly #publishers = new Set<SimulatedPublisher>();
  #isClosed = false;

  constructor(broker: Broker, circumstances: Circumstances, { ordering, keepsEachAck, tracker }: TransportSettings) {
    this.#broker = broker;
    this.#circumstances = circumstances;
    this.#way = wayOf(circumstances, "transport", (call) => new TransportError("unavailable", `${call} fails`));
    this.#settings = {
      keepsEachAck,
      reorders: ordering === "none" ? REORDERS : 0,
      tracker: tracker ?? ((next) => new OffsetTracker(next)),
    };
    this.capabilities = { ...CAPABILITIES, ordering };
  }

  publisher(address: string): Publisher {
    const target = { address, eventBytesMax: EVENT_BYTES_MAX };
    const publisher = new SimulatedPublisher(this.#broker, this.#circumstances, this.#way, target);
    publisher.isClosed = this.#isClosed;
    this.#publishers.add(publisher);
    return publisher;
  }

  consumer(address: string, group: string, { matcher }: ConsumerOptions): Consumer {
    const consumer = new SimulatedConsumer(this.#broker, this.#circumstances, this.#settings, {
      ...{ address, group, matcher },
    });
    if (this.#isClosed) void consumer.close();
    this.#consumers.add(consumer);
    return consumer;
  }

  provision(address: string): Promise<void> {
    return this.#call("provision", [address], () => this.#broker.provision(address));
  }

  deprovision(address: string): Promise<void> {
    return this.#call("deprovision", [address], () => this.#broker.deprovision(address));
  }

  createGroup(address: string, group: string, { at }: Start): Promise<void> {
    return this.#call("createGroup", [address, group], () => {
      const topic = this.#topic(address);
      if (at !== "earliest" && at !== "latest") throw new TransportError("invalid", `Can't start at ${at}`);
      const start = at === "earliest" ? 0n : topic.end;
      if (!topic.groups.has(group)) topic.groups.set(group, new Group(group, address, start));
      this.#broker.wake();
    });
  }

  deleteGroup(address: string, group: string): Promise<void> {
    return this.#call("deleteGroup", [address, group], () => {
      this.#broker.topics.get(address)?.groups.delete(group);
      this.#broker.wake();
    });
  }

  holdBack(): void {}

  place(address: string): Promise<string> {
    return this.#call("place", [address], () => placeOf(address));
  }

  stats(address: string, group: string): Promise<GroupStats> {
    return this.#call("stats", [address, group], () => {
      if (!this.#topic(address).groups.has(group)) throw new TransportError("not_found", "There is no such group");
      return { backlog: undefined, oldestAt: undefined, skipped: 0 };
    });
  }

  topicStats(address: string): Promise<TopicStats> {
    return this.#call("topicStats", [address], () => {
      const { events } = this.#topic(address);
      return { events: events.length, bytes: undefined, oldestAt: undefined, newestAt: undefined };
    });
  }

  async progress(): Promise<Progress> {
    return "unknown";
  }

  async read(): Promise<TopicPage> {
    throw new TransportError("invalid", "Nothing can be read without a group");
  }

  async find(): Promise<never> {
    throw new TransportError("invalid", "Nothing can be found");
  }

  check(): Promise<void> {
    return this.#call("check", [], () => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const publisher of this.#publishers) publisher.isClosed = true;
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
  }

  /** The process is dead. */
  cutOff(): void {
    for (const consumer of this.#consumers) consumer.cutOff(this.#circumstances.random() < 0.5);
  }

  #call<T>(name: string, about: readonly string[], run: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(new TransportError("closed", "The transport is closed"));
    return this.#way(name, about, run);
  }

  #topic(address: string): Topic {
    const topic = this.#broker.topics.get(address);
    if (topic === undefined) throw new TransportError("not_found", `There is no topic at ${address}`);
    return topic;
  }
}

/** The identity of a native topic in the world. */
function placeOf(address: string): string {
  return `simulated/${address}`;
}

const CAPABILITIES: Capabilities = {
  durable: true,
  ordering: "topic",
  orderedPublish: false,
  group: "exclusive",
  position: "always",
  starts: ["latest", "earliest"],
  leaseMs: "unbounded",
  replay: "none",
  find: false,
  stats: { backlog: false, oldest: false },
  deliveryCount: true,
  dedupe: false,
  limits: { eventBytes: EVENT_BYTES_MAX, attributeCount: "unbounded", batchCount: 100 },
};
