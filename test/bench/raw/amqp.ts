/** RabbitMQ: a fanout exchange for each address, a quorum queue for each reader, confirms by message, explicit acks. */
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from "amqplib";
import { type CarriedEvent, type CarriedEvents, SAME_ATTRIBUTES } from "../harness/carried-event.ts";
import { PIPELINE_EVENTS, pipeline, type RawClient, type Receiver, untilStopped } from "./client.ts";

const PREFIX = "ce-";
const { datacontenttype: CONTENT_TYPE, ...IN_HEADERS } = SAME_ATTRIBUTES;
const SAME_HEADERS = Object.fromEntries(Object.entries(IN_HEADERS).map(([name, value]) => [PREFIX + name, value]));

export async function openAmqp(url: string): Promise<RawClient> {
  const connection = await connect(url);
  return new AmqpClient(connection, await connection.createConfirmChannel());
}

class AmqpClient implements RawClient {
  readonly #connection: ChannelModel;
  readonly #channel: ConfirmChannel;
  /** Of each address. */
  readonly #queues = new Map<string, string[]>();

  constructor(connection: ChannelModel, channel: ConfirmChannel) {
    this.#connection = connection;
    this.#channel = channel;
  }

  async create(address: string): Promise<void> {
    await this.#channel.assertExchange(address, "fanout", { durable: true });
  }

  async attach(address: string, reader: string): Promise<void> {
    const queue = queueOf(address, reader);
    this.#queues.set(address, [...(this.#queues.get(address) ?? []), queue]);
    await this.#channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
    await this.#channel.bindQueue(queue, address, "");
  }

  publish(address: string, events: CarriedEvents, count: number): Promise<void> {
    const options = { mandatory: true, persistent: true, contentType: CONTENT_TYPE };
    return pipeline(count, (sequence, done) => {
      const own = { "ce-id": events.id(sequence), "ce-partitionkey": events.key(sequence) };
      const headers = { ...SAME_HEADERS, ...own };
      this.#channel.publish(address, "", events.data(sequence), { ...options, headers }, done);
    });
  }

  async consume(address: string, reader: string, receiver: Receiver, signal: AbortSignal): Promise<void> {
    const channel = await this.#connection.createChannel();
    await channel.prefetch(PIPELINE_EVENTS);
    const { stop, stopped } = untilStopped(signal);
    let isMoreWanted = true;
    receiver.opened();
    await channel.consume(queueOf(address, reader), (message) => {
      if (message === null || !isMoreWanted) return;
      isMoreWanted = receiver.take(() => read(message));
      channel.ack(message);
      if (!isMoreWanted) stop();
    });
    await stopped;
    await channel.close();
  }

  async remove(address: string): Promise<void> {
    for (const queue of this.#queues.get(address) ?? []) await this.#channel.deleteQueue(queue);
    this.#queues.delete(address);
    await this.#channel.deleteExchange(address);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

function queueOf(address: string, reader: string): string {
  return `${address}/${reader}`;
}

function read({ properties, content }: ConsumeMessage): CarriedEvent {
  const attributes: Record<string, string> = { datacontenttype: String(properties.contentType) };
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (name.startsWith(PREFIX)) attributes[name.slice(PREFIX.length)] = String(value);
  }
  return { attributes, data: content };
}
