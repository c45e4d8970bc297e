import { Kafka } from "kafkajs";
import { afterAll, beforeAll } from "vitest";
import { openKafka, ProxyPort, soon, topicSettings, uniqueName } from "../adapters/kafka/instance.ts";
import { type BrokerHarness, openBrokerHarness } from "../support/broker-harness.ts";
import { describeOwnBroker } from "../support/brokers.ts";
import { testConformance } from "../support/conformance.ts";

/** Restarts of a broker, and outages that wait for heartbeats; a busy machine adds to it. */
const CASE_TIMEOUT_MS = 180_000;

const proxyPort = new ProxyPort();

/** All go through the proxy, since the broker tells its clients to. */
describeOwnBroker(
  "kafka",
  "the Kafka transport",
  (broker) => {
    let harness: BrokerHarness;

    beforeAll(async () => {
      const proxy = await proxyPort.open(broker);
      const server = broker.addressAt(proxy.port);
      const native = new Kafka({ clientId: "native", brokers: [server], logLevel: 0 }).producer();
      harness = await openBrokerHarness({
        ...{ proxy, settings: topicSettings(), quietMs: 700, secrets: [`${proxy.port}`] },
        openProxied: () => openKafka(server),
        open: () => openKafka(server),
        async restartBroker() {
          await broker.stop();
          await broker.start();
          await untilLeading(server);
        },
        async publishForeign(topic, value, contentType) {
          const headers = contentType === undefined ? {} : { "content-type": contentType };
          await native.connect();
          await native.send({ topic, messages: [{ value, headers }] });
          await native.disconnect();
        },
      });
    });

    afterAll(() => harness.remove());

    testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
  },
  { advertisedPort: proxyPort.port },
);

/** Kafka answers before it leads its partitions. */
async function untilLeading(server: string): Promise<void> {
  const transport = await openKafka(server);
  const probe = uniqueName();
  await transport.provision(probe, topicSettings());
  await transport.topicStats(probe);
  await transport.deprovision(probe);
  await transport.close(soon());
}
