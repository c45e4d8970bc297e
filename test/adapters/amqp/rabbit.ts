/** Transports and bare clients on the RabbitMQ that tests use. */
import { type ChannelModel, connect } from "amqplib";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import type { Event } from "../../../src/event/event.ts";
import {
  type Consumer,
  type Item,
  isMalformed,
  type TopicSettings,
  type Transport,
} from "../../../src/transport/port.ts";
import { EVERYTHING, openTransport as openOn, uniqueName } from "../../support/transports.ts";

export { soon, uniqueName } from "../../support/transports.ts";

export const SETTINGS: TopicSettings = TOPIC_DEFAULTS.settings;

/** A transport with the defaults of the schema. */
export function openTransport(url: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Transport> {
  return openOn("amqp", url, { settings });
}

/** A bare client, as native producers and consumers are. */
export async function openNative(url: string): Promise<ChannelModel> {
  const model = await connect(url, { noDelay: true });
  model.on("error", () => undefined); // a test that stops the broker expects it
  return model;
}

/** The same broker behind a proxy. */
export function through(proxy: { readonly port: number }, url: string): string {
  const changed = new URL(url);
  changed.port = `${proxy.port}`;
  return changed.href;
}

/** A fresh topic with a fresh group, a consumer and a publisher. */
export async function topicWithGroup(transport: Transport, settings: Partial<TopicSettings> = {}) {
  const address = uniqueName();
  const group = uniqueName();
  await transport.provision(address, { ...SETTINGS, ...settings });
  await transport.createGroup(address, group, { at: "latest" });
  const publisher = transport.publisher(address);
  return { address, group, publisher, consumer: openConsumer(transport, address, group) };
}

export function openConsumer(transport: Transport, address: string, group: string): Consumer {
  return transport.consumer(address, group, { matcher: EVERYTHING });
}

/** Exactly `count` items, in bounded time. */
export async function receive(consumer: Consumer, count: number, withinMs = 20_000): Promise<Item[]> {
  const late = AbortSignal.timeout(withinMs);
  const items: Item[] = [];
  while (items.length < count) {
    const page = await consumer.receive(count - items.length, late);
    if (late.aborted && page.length === 0) throw new Error(`${items.length} of ${count} items came in ${withinMs} ms`);
    items.push(...page);
  }
  return items;
}

export function eventOf({ event }: Item): Event {
  if (isMalformed(event)) throw new Error(`malformed: ${event.malformed}`);
  return event;
}
