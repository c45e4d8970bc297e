/** Reads of a stream without a group, and what can be told of it and of its groups. */
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { uncounted } from "../../src/event/leniency.ts";
import type { GroupStats, Position, Progress, Start, TopicPage, TopicStats } from "../../src/transport/port.ts";
import { decodeEvent } from "./binding.ts";
import type { Connection } from "./connection.ts";
import { ignoreNotFound } from "./errors.ts";
import { NatsItem } from "./item.ts";
import { LIMITS } from "./limits.ts";
import { startOf } from "./native-config.ts";
import { formatPosition, generationOf, sequenceOf } from "./position.ts";
import type { Topology } from "./topology.ts";

export class Reader {
  readonly #connection: Connection;
  readonly #topology: Topology;

  constructor(connection: Connection, topology: Topology) {
    this.#connection = connection;
    this.#topology = topology;
  }

  async stats(address: string, group: string): Promise<GroupStats> {
    const { num_pending, num_ack_pending, ack_floor, stream_name } = await this.#topology.consumer(address, group);
    const backlog = num_pending + num_ack_pending;
    const next = { seq: ack_floor.stream_seq + 1, next_by_subj: address };
    const oldest =
      backlog === 0
        ? undefined
        : await this.#connection.request(({ jsm }) => jsm.streams.getMessage(stream_name, next)).catch(ignoreNotFound);
    return { backlog, oldestAt: oldest?.time.getTime(), skipped: 0 };
  }

  /** Of a stream with other subjects only what all of them have together is known: nothing is told then. */
  async topicStats(address: string): Promise<TopicStats> {
    const { config, state } = await this.#topology.stream(address);
    if (config.subjects.length !== 1 || config.subjects[0] !== address) {
      return { events: undefined, bytes: undefined, oldestAt: undefined, newestAt: undefined };
    }
    const { messages, bytes, first_ts, last_ts } = state;
    const at = (time: string): number | undefined => (messages === 0 ? undefined : Date.parse(time));
    return { events: messages, bytes, oldestAt: at(first_ts), newestAt: at(last_ts) };
  }

  /** Whether the group has been delivered it, as the server tells; what was settled out of order it does not tell. */
  async progress(address: string, group: string, position: Position): Promise<Progress> {
    const stream = await this.#topology.stream(address);
    const { delivered, ack_floor, config } = await this.#topology.consumer(address, group);
    const sequence = sequenceOf(position, generationOf(stream.created));
    if (sequence === undefined || sequence > stream.state.last_seq) return "unknown";
    if (config.opt_start_seq !== undefined && sequence < config.opt_start_seq) return "before";
    if (sequence > delivered.stream_seq) return "unread";
    if (sequence > ack_floor.stream_seq || config.deliver_policy === DeliverPolicy.StartTime) return "unknown";
    return "settled";
  }

  /** By a consumer that lives for this one read. */
  async read(address: string, from: Start, max: number): Promise<TopicPage> {
    const stream = await this.#topology.stream(address);
    if (from.at === "latest") return { items: [], next: undefined };
    const generation = generationOf(stream.created);
    const config: Partial<ConsumerConfig> = {
      ...{ ack_policy: AckPolicy.None, filter_subject: address, mem_storage: true, num_replicas: 1 },
      ...{ inactive_threshold: nanos(LIMITS.requestMs) },
      ...startOf(from, stream),
    };
    return this.#connection.request(async ({ js, jsm }) => {
      const { name } = stream.config;
      const info = await jsm.consumers.add(name, config);
      try {
        const count = Math.min(max, info.num_pending);
        if (count === 0) return { items: [], next: undefined };
        const messages = await js.consumers.getConsumerFromInfo(info).fetch({
          ...{ max_messages: count, expires: LIMITS.requestMs },
        });
        const items: NatsItem[] = [];
        let pending = 0;
        for await (const message of messages) {
          items.push(this.#item(message, address, generation));
          pending = message.info.pending;
        }
        const last = items.at(-1);
        const next = pending === 0 || last === undefined ? undefined : formatPosition(generation, last.sequence + 1);
        return { items, next };
      } finally {
        await jsm.consumers.delete(name, info.name).catch(() => false); // else it goes by its threshold
      }
    });
  }

  #item(message: JsMsg, address: string, generation: string): NatsItem {
    const { streamSequence: sequence, timestampNanos } = message.info;
    const position = formatPosition(generation, sequence);
    const event = decodeEvent(message, position, {
      topic: this.#topology.topic(address),
      address,
      leniency: uncounted,
    });
    const storedAt = Math.floor(timestampNanos / 1e6);
    return new NatsItem({ generation, sequence, count: undefined, storedAt }, event, message.data.length, "");
  }
}
