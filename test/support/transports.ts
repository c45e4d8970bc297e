/** Transports on brokers, for tests: opened as the configuration opens them, with the defaults of their schemas. */
import { randomUUID } from "node:crypto";
import { adapters } from "../../adapters/index.ts";
import { validateAdapterSettings } from "../../src/config/adapter-settings.ts";
import { TOPIC_DEFAULTS } from "../../src/config/topic.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Adapter } from "../../src/transport/adapter.ts";
import type { Matcher, TopicSettings, Transport } from "../../src/transport/port.ts";
import type { BrokerName } from "./brokers.ts";

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

/** Of the server on which the tests run. */
export const PROJECT = "pulsebus-test";

export interface OpenOptions {
  readonly busId?: string;
  readonly logger?: Logger;
  /** Besides where the broker is. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** `address` as `brokerAddress` answers it. */
export async function openTransport(
  broker: BrokerName,
  address: string,
  { busId = "test", logger = SILENT, settings = {} }: OpenOptions = {},
): Promise<Transport> {
  const adapter = await adapterOf(broker);
  const server = broker === "gcp-pubsub" ? { projectId: PROJECT, emulator: address } : { servers: [address] };
  const valid = validateAdapterSettings(adapter.schema, "", { ...server, ...settings }, `/transports/${broker}`);
  return adapter.open(valid, { name: broker, busId, clock: systemClock, logger });
}

/** Of a topic whose events keep their order: Pub/Sub needs their key for it, Kafka one partition. */
export async function orderedTopic(broker: BrokerName, changes: Partial<TopicSettings> = {}): Promise<TopicSettings> {
  const { schema } = await adapterOf(broker);
  const options = broker === "kafka" ? { partitions: 1 } : {};
  const filled = validateAdapterSettings(schema, "/$defs/topic", { ...options, ...changes.options }, "/options");
  const key = broker === "gcp-pubsub" ? "partitionkey" : undefined;
  return { ...TOPIC_DEFAULTS.settings, key, ...changes, options: filled };
}

export function uniqueName(): string {
  return `name-${randomUUID()}`;
}

/** A deadline. */
export function soon(ms = 30_000): number {
  return Date.now() + ms;
}

async function adapterOf(broker: BrokerName): Promise<Adapter> {
  const { adapter } = (await adapters[broker]?.()) ?? {};
  if (adapter === undefined) throw new Error(`there is no adapter ${broker}`);
  return adapter;
}
