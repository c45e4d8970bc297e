/** Kafka transports for tests, on a broker of the test's own that tells its clients to come through a proxy. */
import { randomUUID } from "node:crypto";
import { adapter } from "../../../adapters/kafka/adapter.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import type { Matcher, TopicSettings, Transport } from "../../../src/transport/port.ts";
import { freePort, type OwnBroker } from "../../support/brokers.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

/** One partition, so that a topic has one order. */
export function topicSettings(changes: Partial<TopicSettings> = {}): TopicSettings {
  return { ...TOPIC_DEFAULTS.settings, options: { partitions: 1 }, ...changes };
}

export function uniqueName(): string {
  return `name-${randomUUID()}`;
}

export function soon(ms = 30_000): number {
  return Date.now() + ms;
}

export interface OpenOptions {
  readonly busId?: string;
  readonly logger?: Logger;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export function openKafka(
  server: string,
  { busId = "test", logger = SILENT, settings = {} }: OpenOptions = {},
): Promise<Transport> {
  const valid = validateAdapterSettings(adapter.schema, "", { servers: [server], ...settings }, "/transports/kafka");
  return adapter.open(valid, { name: "kafka", busId, clock: systemClock, logger });
}

/** Where Kafka tells its clients to connect: known before the broker starts, served once it has. */
export class ProxyPort {
  #port: Promise<number> | undefined;

  readonly port = (): Promise<number> => {
    this.#port ??= freePort();
    return this.#port;
  };

  async open(broker: OwnBroker): Promise<FaultProxy> {
    return FaultProxy.open(broker.port, await this.port());
  }
}
