import { afterAll, beforeAll } from "vitest";
import { openPubsub, PROJECT, SETTINGS } from "../adapters/gcp-pubsub/instance.ts";
import { type NativeClients, openNativeClients } from "../adapters/gcp-pubsub/native.ts";
import { type BrokerHarness, openBrokerHarness } from "../support/broker-harness.ts";
import { describeOwnBroker } from "../support/brokers.ts";
import { testConformance } from "../support/conformance.ts";
import { FaultProxy } from "../support/fault-proxy.ts";

/** The order of events with a key costs the test server a pull for each of them. */
const CASE_TIMEOUT_MS = 150_000;

/** The server keeps everything in memory, so a restart is one of the transport alone. */
describeOwnBroker("gcp-pubsub", "the Google Pub/Sub transport", (broker) => {
  let harness: BrokerHarness;
  let native: NativeClients;

  beforeAll(async () => {
    const proxy = await FaultProxy.open(broker.port);
    native = await openNativeClients(broker.address);
    harness = await openBrokerHarness({
      ...{ proxy, settings: SETTINGS, secrets: [], leaseMs: 10_000 },
      quietMs: 700, // an idle pull of the test server takes half a second
      openProxied: () => openPubsub(broker.addressAt(proxy.port)),
      open: () => openPubsub(broker.address),
      async publishForeign(address, bytes, contentType) {
        const attributes = contentType === undefined ? {} : { "content-type": contentType };
        const topic = `projects/${PROJECT}/topics/${address}`;
        await native.publisher.publish({ topic, messages: [{ data: bytes, attributes }] });
      },
    });
  });

  afterAll(async () => {
    await harness.remove();
    await native.close();
  });

  testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
});
