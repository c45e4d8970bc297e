import { Kafka, type Producer } from "kafkajs";
import { afterAll, beforeAll } from "vitest";
import type { Harness, Outage } from "../../src/transport/conformance/case.ts";
import type { Transport } from "../../src/transport/port.ts";
import { openKafka, ProxyPort, soon, topicSettings, uniqueName } from "../adapters/kafka/instance.ts";
import { describeOwnBroker, type OwnBroker } from "../support/brokers.ts";
import { testConformance } from "../support/conformance.ts";
import type { FaultProxy } from "../support/fault-proxy.ts";

/** Restarts of a broker, and outages that wait for heartbeats; a busy machine adds to it. */
const CASE_TIMEOUT_MS = 180_000;
const SETTINGS = topicSettings();

const proxyPort = new ProxyPort();

describeOwnBroker(
  "kafka",
  "the Kafka transport",
  (broker) => {
    let harness: KafkaHarness;

    beforeAll(async () => {
      harness = await KafkaHarness.open(broker);
    });

    afterAll(() => harness.remove());

    testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
  },
  { advertisedPort: proxyPort.port },
);

/** All go through the proxy, since the broker tells its clients to. */
class KafkaHarness implements Harness {
  readonly settings = SETTINGS;
  readonly quietMs = 700;
  readonly secrets: readonly string[];
  readonly #broker: OwnBroker;
  readonly #proxy: FaultProxy;
  readonly #server: string;
  readonly #native: Producer;
  #transport: Transport;
  /** The one that was created last. */
  #address = "";

  private constructor(broker: OwnBroker, proxy: FaultProxy, native: Producer, transport: Transport) {
    this.#broker = broker;
    this.#proxy = proxy;
    this.#server = broker.addressAt(proxy.port);
    this.#native = native;
    this.#transport = transport;
    this.secrets = [`${proxy.port}`];
  }

  static async open(broker: OwnBroker): Promise<KafkaHarness> {
    const proxy = await proxyPort.open(broker);
    const server = broker.addressAt(proxy.port);
    const native = new Kafka({ clientId: "native", brokers: [server], logLevel: 0 }).producer();
    return new KafkaHarness(broker, proxy, native, await openKafka(server));
  }

  get transport(): Transport {
    return this.#transport;
  }

  name(): string {
    return uniqueName();
  }

  async address(): Promise<string> {
    const address = uniqueName();
    await this.#transport.provision(address, SETTINGS);
    this.#address = address;
    return address;
  }

  async open() {
    return { transport: await openKafka(this.#server), async dispose() {} };
  }

  attach() {
    return this.open();
  }

  async restart(): Promise<void> {
    await this.#transport.close(soon());
    await this.#broker.stop();
    await this.#broker.start();
    this.#transport = await openKafka(this.#server);
    await this.#transport.topicStats(this.#address); // Kafka answers before it leads its partitions
  }

  readonly outage = async (kind: Outage): Promise<() => Promise<void>> => {
    if (kind === "cut") await this.#proxy.cut();
    else if (kind === "stall") this.#proxy.stall();
    else this.#proxy.halfOpen();
    return () => this.#proxy.restore();
  };

  async publishForeign(topic: string, value: Buffer, contentType?: string): Promise<void> {
    await this.#native.connect();
    const headers = contentType === undefined ? {} : { "content-type": contentType };
    await this.#native.send({ topic, messages: [{ value, headers }] });
    await this.#native.disconnect();
  }

  async remove(): Promise<void> {
    await this.#transport.close(soon());
    await this.#proxy.close();
  }
}
