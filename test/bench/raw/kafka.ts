/** Kafka: a topic of four partitions for each address, acks of all replicas, batches, keys by `partitionkey`. */
import { Admin, Consumer, type Message, MessagesStreamModes, Producer } from "@platformatic/kafka";
import { type CarriedEvent, type CarriedEvents, SAME_ATTRIBUTES } from "../harness/carried-event.ts";
import { PIPELINE_EVENTS, type RawClient, type Receiver } from "./client.ts";

export const PARTITIONS = 4;
const BATCH_EVENTS = PIPELINE_EVENTS / 2;
const PREFIX = "ce_";
const CONTENT_TYPE = "content-type";
const SAME_HEADERS = Object.entries(SAME_ATTRIBUTES).map(
  ([name, value]) =>
    [Buffer.from(name === "datacontenttype" ? CONTENT_TYPE : PREFIX + name), Buffer.from(value)] as const,
);
const ID = Buffer.from(`${PREFIX}id`);
const KEY = Buffer.from(`${PREFIX}partitionkey`);
const COMMIT_INTERVAL_MS = 100;

export async function openKafka(servers: string): Promise<RawClient> {
  return new KafkaClient({ clientId: "bench", bootstrapBrokers: servers.split(",") });
}

class KafkaClient implements RawClient {
  readonly #options: { readonly clientId: string; readonly bootstrapBrokers: string[] };
  readonly #admin: Admin;
  readonly #producer: Producer;

  constructor(options: { readonly clientId: string; readonly bootstrapBrokers: string[] }) {
    this.#options = options;
    this.#admin = new Admin(options);
    this.#producer = new Producer({ ...options, acks: -1 });
  }

  async create(address: string): Promise<void> {
    await this.#admin.createTopics({ topics: [{ topic: address, partitions: PARTITIONS, replicas: 1 }] });
  }

  /** A topic keeps its records for everybody. */
  async attach(): Promise<void> {}

  /** Two requests are under way at once, which a broker takes in their order. */
  async publish(address: string, events: CarriedEvents, count: number): Promise<void> {
    const underWay: Promise<unknown>[] = [];
    for (let from = 0; from < count; from += BATCH_EVENTS) {
      if (underWay.length * BATCH_EVENTS === PIPELINE_EVENTS) await underWay.shift();
      underWay.push(this.#send(address, events, from, Math.min(count, from + BATCH_EVENTS)));
    }
    await Promise.all(underWay);
  }

  async #send(topic: string, events: CarriedEvents, from: number, to: number): Promise<void> {
    const messages = Array.from({ length: to - from }, (_, index) => {
      const sequence = from + index;
      const key = Buffer.from(events.key(sequence));
      const headers = new Map(SAME_HEADERS).set(ID, Buffer.from(events.id(sequence))).set(KEY, key);
      return { topic, key, value: events.data(sequence), headers };
    });
    await this.#producer.send({ messages });
  }

  async consume(address: string, reader: string, receiver: Receiver, signal: AbortSignal): Promise<void> {
    const groupId = `${address}-${reader}`;
    const consumer = new Consumer({ ...this.#options, groupId, autocommit: COMMIT_INTERVAL_MS });
    const stream = await consumer.consume({ topics: [address], mode: MessagesStreamModes.EARLIEST });
    receiver.opened();
    signal.addEventListener("abort", () => stream.destroy(), { once: true });
    try {
      for await (const message of stream) if (!receiver.take(() => read(message))) break;
    } finally {
      await consumer.close(true);
      await this.#admin.deleteGroups({ groups: [groupId] }).catch(() => {}); // it is empty, and gone some day
    }
  }

  async remove(address: string): Promise<void> {
    try {
      await this.#admin.deleteTopics({ topics: [address] });
    } catch {
      // It is not there.
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#admin.close(), this.#producer.close()]);
  }
}

function read({ headers, value }: Message<Buffer, Buffer, Buffer, Buffer>): CarriedEvent {
  const attributes: Record<string, string> = {};
  for (const [bytes, text] of headers) {
    const name = bytes.toString();
    if (name.startsWith(PREFIX)) attributes[name.slice(PREFIX.length)] = text.toString();
    else if (name === CONTENT_TYPE) attributes.datacontenttype = text.toString();
  }
  return { attributes, data: value };
}
