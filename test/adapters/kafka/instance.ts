/** Kafka transports for tests, on a broker of the test's own that tells its clients to come through a proxy. */
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import type { TopicSettings, Transport } from "../../../src/transport/port.ts";
import { freePort, type OwnBroker } from "../../support/brokers.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { type OpenOptions, openTransport } from "../../support/transports.ts";

export { EVERYTHING, SILENT, soon, uniqueName } from "../../support/transports.ts";

/** One partition, so that a topic has one order. */
export function topicSettings(changes: Partial<TopicSettings> = {}): TopicSettings {
  return { ...TOPIC_DEFAULTS.settings, options: { partitions: 1 }, ...changes };
}

export function openKafka(server: string, options: OpenOptions = {}): Promise<Transport> {
  return openTransport("kafka", server, options);
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
