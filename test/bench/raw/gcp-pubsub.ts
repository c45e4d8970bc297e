/** Google Pub/Sub: a topic for each address, a subscription for each reader, Google's high-level client as it comes. */
import { type Message, PubSub } from "@google-cloud/pubsub";
import { type CarriedEvent, type CarriedEvents, SAME_ATTRIBUTES } from "../harness/carried-event.ts";
import { pipeline, type RawClient, type Receiver, untilStopped } from "./client.ts";

export const PROJECT = "pulsebus-bench";
const PREFIX = "ce-";
const CONTENT_TYPE = "content-type";
const SAME_HEADERS = Object.fromEntries(
  Object.entries(SAME_ATTRIBUTES).map(([name, value]) => [
    name === "datacontenttype" ? CONTENT_TYPE : PREFIX + name,
    value,
  ]),
);

export async function openPubsub(emulator: string): Promise<RawClient> {
  const clientOptions = { universeDomain: "googleapis.com" };
  return new PubsubClient(new PubSub({ projectId: PROJECT, apiEndpoint: emulator, emulatorMode: true, clientOptions }));
}

class PubsubClient implements RawClient {
  readonly #pubsub: PubSub;
  /** Of each address. */
  readonly #subscriptions = new Map<string, string[]>();

  constructor(pubsub: PubSub) {
    this.#pubsub = pubsub;
  }

  async create(address: string): Promise<void> {
    await this.#pubsub.createTopic(address);
  }

  async attach(address: string, reader: string): Promise<void> {
    const name = `${address}-${reader}`;
    this.#subscriptions.set(address, [...(this.#subscriptions.get(address) ?? []), name]);
    await this.#pubsub.topic(address).createSubscription(name);
  }

  publish(address: string, events: CarriedEvents, count: number): Promise<void> {
    const topic = this.#pubsub.topic(address);
    return pipeline(count, (sequence, done) => {
      const own = { "ce-id": events.id(sequence), "ce-partitionkey": events.key(sequence) };
      const attributes = { ...SAME_HEADERS, ...own };
      topic.publishMessage({ data: events.data(sequence), attributes }).then(() => done(), done);
    });
  }

  async consume(address: string, reader: string, receiver: Receiver, signal: AbortSignal): Promise<void> {
    const subscription = this.#pubsub.subscription(`${address}-${reader}`);
    const { stop, stopped } = untilStopped(signal);
    receiver.opened();
    subscription.on("message", (message: Message) => {
      const isMoreWanted = receiver.take(() => read(message));
      message.ack();
      if (!isMoreWanted) stop();
    });
    await stopped;
    await subscription.close();
  }

  async remove(address: string): Promise<void> {
    for (const name of this.#subscriptions.get(address) ?? []) await this.#pubsub.subscription(name).delete();
    this.#subscriptions.delete(address);
    await this.#pubsub
      .topic(address)
      .delete()
      .catch(() => {}); // it is not there
  }

  async close(): Promise<void> {
    await this.#pubsub.close();
  }
}

function read({ attributes: headers, data }: Message): CarriedEvent {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(PREFIX)) attributes[name.slice(PREFIX.length)] = value;
    else if (name === CONTENT_TYPE) attributes.datacontenttype = value;
  }
  return { attributes, data };
}
