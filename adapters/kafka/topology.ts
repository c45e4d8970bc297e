/** Topics on the cluster: created and deleted where that is ours to do, looked at, and where their logs begin and end. */
import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from "@platformatic/kafka";
import { sleep } from "../../src/runtime/clock.ts";
import type { TopicSettings, TransportError } from "../../src/transport/port.ts";
import type { KafkaContext } from "./context.ts";
import { nativeCode, topicNotFound, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { TopicOptions } from "./settings.ts";

export interface NativeTopic {
  readonly clusterId: string;
  readonly topicId: string;
  /** By partition: the broker that leads it; -1 when there is none now. */
  readonly leaders: readonly number[];
}

/** By partition. */
export type Offsets = ReadonlyMap<number, bigint>;

/** What ListOffsets takes for a time: the ends of the log. Anything else are milliseconds since the epoch. */
export const LATEST = -1n;
export const EARLIEST = -2n;
const NEWEST_TIMESTAMP = -3n;

export class Topology {
  readonly #context: KafkaContext;

  constructor(context: KafkaContext) {
    this.#context = context;
  }

  /** Rejects with `not_found`. */
  async topic(address: string): Promise<NativeTopic> {
    const found = await this.find(address);
    if (found === undefined) throw topicNotFound(address);
    return found;
  }

  async find(address: string): Promise<NativeTopic | undefined> {
    try {
      return await this.#context.admin.call(subject(address), async (admin) => {
        const { id, topics } = await admin.metadata({ topics: [address], forceUpdate: true });
        const topic = topics.get(address);
        return topic && { clusterId: id, topicId: topic.id, leaders: topic.partitions.map(({ leader }) => leader) };
      });
    } catch (error) {
      if ((error as TransportError).code === "not_found") return undefined;
      throw error;
    }
  }

  async clusterId(): Promise<string> {
    const { id } = await this.#context.admin.call("The cluster", (admin) =>
      admin.metadata({ topics: [], forceUpdate: true }),
    );
    return id;
  }

  /** An existing topic keeps its partitions: more of them would send the events of a key elsewhere. */
  async provision(address: string, { provision, options }: TopicSettings): Promise<void> {
    const { partitions, config = {} } = options as TopicOptions;
    const isNew = provision && (await this.#create(address, options as TopicOptions));
    const { leaders } = isNew ? await this.#untilUsable(address) : await this.topic(address);
    if (isNew || !provision) return;
    if (partitions !== undefined && partitions !== leaders.length) {
      const { logger } = this.#context;
      logger.warn(
        { address, partitions: leaders.length, configured: partitions },
        "an existing Kafka topic keeps its partitions",
      );
    }
    if (Object.keys(config).length > 0) await this.#configure(address, config);
  }

  async deprovision(address: string): Promise<void> {
    const { admin, clock } = this.#context;
    if ((await this.find(address)) === undefined) return;
    await admin
      .call(subject(address), (client) => client.deleteTopics({ topics: [address] }))
      .catch((error: TransportError) => {
        if (error.code !== "not_found") throw error;
      });
    while ((await this.find(address)) !== undefined) await sleep(clock, LIMITS.retryMs / 10);
  }

  /** `at` is a time, or one of the ends of the log. A time after the last record is the end. */
  async offsets(address: string, count: number, at: bigint): Promise<Offsets> {
    const found = await this.#listOffsets(address, count, at);
    const missing = [...found].filter(([, { offset }]) => offset < 0n);
    const ends = missing.length === 0 ? undefined : await this.#listOffsets(address, count, LATEST);
    return new Map([...found].map(([n, { offset }]) => [n, offset < 0n ? (ends?.get(n)?.offset ?? 0n) : offset]));
  }

  /** When the newest record was stored. */
  async newestAt(address: string, count: number): Promise<number | undefined> {
    const found = await this.#listOffsets(address, count, NEWEST_TIMESTAMP);
    const newest = Math.max(...[...found.values()].map(({ timestamp }) => Number(timestamp)));
    return newest < 0 ? undefined : newest;
  }

  async #listOffsets(address: string, count: number, timestamp: bigint) {
    const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
    const [topic] = await this.#context.admin.call(subject(address), (admin) =>
      admin.listOffsets({ topics: [{ name: address, partitions }] }),
    );
    return new Map(topic?.partitions.map((found) => [found.partitionIndex, found]));
  }

  /** False when the topic is there already. */
  async #create(address: string, { partitions, replicationFactor, config = {} }: TopicOptions): Promise<boolean> {
    const { admin, settings } = this.#context;
    const large = settings.eventBytes > LIMITS.eventBytes;
    const room = large ? { "max.message.bytes": settings.eventBytes + LIMITS.batchOverheadBytes } : {};
    const configs = Object.entries({ ...room, ...config }).map(([name, value]) => ({ name, value: String(value) }));
    try {
      await admin.call(subject(address), (client) =>
        client.createTopics({
          topics: [{ topic: address, partitions: partitions ?? -1, replicas: replicationFactor ?? -1 }],
          configs,
        }),
      );
      return true;
    } catch (error) {
      if (nativeCode((error as Error).cause) === "TOPIC_ALREADY_EXISTS") return false;
      throw toTransportError(error, subject(address));
    }
  }

  async #configure(address: string, config: NonNullable<TopicOptions["config"]>): Promise<void> {
    const configOperation = IncrementalAlterConfigOperationTypes.SET;
    const configs = Object.entries(config).map(([name, value]) => ({ name, configOperation, value: String(value) }));
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: address, configs }];
    await this.#context.admin.call(subject(address), (admin) => admin.incrementalAlterConfigs({ resources }));
  }

  /** Brokers tell of a topic that was just created before they take or give records of each partition. */
  async #untilUsable(address: string): Promise<NativeTopic> {
    const { clock } = this.#context;
    const deadline = clock.now() + LIMITS.requestMs;
    for (;;) {
      const found = await this.find(address);
      if (found?.leaders.every((leader) => leader >= 0)) {
        await this.offsets(address, found.leaders.length, LATEST);
        return found;
      }
      if (clock.now() > deadline) throw topicNotFound(address);
      await sleep(clock, LIMITS.retryMs / 10);
    }
  }
}

function subject(address: string): string {
  return `The Kafka topic "${address}"`;
}
