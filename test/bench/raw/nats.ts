/** JetStream: a stream in files for each address, pipelined to the PubAck, pulled with explicit acks. */
import {
  AckPolicy,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import { connect, MsgHdrsImpl, type NatsConnection } from "@nats-io/transport-node";
import { type CarriedEvent, type CarriedEvents, SAME_ATTRIBUTES } from "../harness/carried-event.ts";
import { PIPELINE_EVENTS, pipeline, type RawClient, type Receiver } from "./client.ts";

const PREFIX = "ce-";
const SAME_HEADERS = Object.fromEntries(
  Object.entries(SAME_ATTRIBUTES).map(([name, value]) => [PREFIX + name, [encodeURI(value)]]),
);

export async function openNats(server: string): Promise<RawClient> {
  const connection = await connect({ servers: server });
  return new NatsClient(connection, jetstream(connection), await jetstreamManager(connection));
}

class NatsClient implements RawClient {
  readonly #connection: NatsConnection;
  readonly #stream: JetStreamClient;
  readonly #manager: JetStreamManager;

  constructor(connection: NatsConnection, stream: JetStreamClient, manager: JetStreamManager) {
    this.#connection = connection;
    this.#stream = stream;
    this.#manager = manager;
  }

  async create(address: string): Promise<void> {
    await this.#manager.streams.add({ name: address, subjects: [address] });
  }

  async attach(address: string, reader: string): Promise<void> {
    const stream = await this.#manager.streams.find(address);
    await this.#manager.consumers.add(stream, {
      durable_name: reader,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: -1,
    });
  }

  publish(address: string, events: CarriedEvents, count: number): Promise<void> {
    return pipeline(count, (sequence, done) => {
      const own = { "ce-id": [events.id(sequence)], "ce-partitionkey": [events.key(sequence)] };
      const headers = MsgHdrsImpl.fromRecord({ ...SAME_HEADERS, ...own });
      this.#stream.publish(address, events.data(sequence), { headers }).then(() => done(), done);
    });
  }

  async consume(address: string, reader: string, receiver: Receiver, signal: AbortSignal): Promise<void> {
    const stream = await this.#manager.streams.find(address);
    const consumer = await this.#stream.consumers.get(stream, reader);
    receiver.opened();
    const messages = await consumer.consume({ max_messages: PIPELINE_EVENTS });
    signal.addEventListener("abort", () => messages.stop(), { once: true });
    for await (const message of messages) {
      const isMoreWanted = receiver.take(() => read(message));
      message.ack();
      if (!isMoreWanted) break;
    }
    await this.#connection.flush(); // the acks
  }

  async remove(address: string): Promise<void> {
    try {
      await this.#manager.streams.delete(await this.#manager.streams.find(address));
    } catch {
      // It is not there.
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

function read({ headers = MsgHdrsImpl.fromRecord({}), data }: Message): CarriedEvent {
  const attributes: Record<string, string> = {};
  for (const [name, [value = ""]] of headers) {
    if (name.startsWith(PREFIX)) attributes[name.slice(PREFIX.length)] = decodeURIComponent(value);
  }
  return { attributes, data: Buffer.from(data) };
}

interface Message {
  readonly headers?: Iterable<[string, string[]]> | undefined;
  readonly data: Uint8Array;
}
