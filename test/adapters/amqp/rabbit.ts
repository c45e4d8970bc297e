/** Transports and bare clients on the RabbitMQ that tests use. */
import { randomUUID } from "node:crypto";
import { type ChannelModel, connect } from "amqplib";
import { adapter } from "../../../adapters/amqp/adapter.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import type { Matcher, TopicSettings, Transport } from "../../../src/transport/port.ts";

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const SETTINGS: TopicSettings = TOPIC_DEFAULTS.settings;

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

/** A transport with the defaults of the schema. */
export function openTransport(url: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Transport> {
  const filled = validateAdapterSettings(adapter.schema, "", { servers: [url], ...settings }, "");
  return adapter.open(filled, { name: "rabbit", busId: "test", clock: systemClock, logger: SILENT });
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

export function uniqueName(): string {
  return `test-${randomUUID()}`;
}

export function soon(ms = 30_000): number {
  return Date.now() + ms;
}
