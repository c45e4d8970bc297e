import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll } from "vitest";
import { openNats, topicSettings } from "../adapters/nats/instance.ts";
import { type BrokerHarness, openBrokerHarness } from "../support/broker-harness.ts";
import { describeOwnBroker } from "../support/brokers.ts";
import { testConformance } from "../support/conformance.ts";
import { FaultProxy } from "../support/fault-proxy.ts";

/** The cases with outages wait for heartbeats; a busy machine adds to it. */
const CASE_TIMEOUT_MS = 120_000;
const ACK_WAIT_SECONDS = 2;

describeOwnBroker("nats", "the NATS transport", (broker) => {
  let harness: BrokerHarness;
  let native: NatsConnection;

  beforeAll(async () => {
    const proxy = await FaultProxy.open(broker.port);
    native = await connect({ servers: broker.address, maxReconnectAttempts: -1, reconnectTimeWait: 200 });
    harness = await openBrokerHarness({
      ...{ proxy, settings: topicSettings({ options: { ackWaitSeconds: ACK_WAIT_SECONDS } }) },
      ...{ quietMs: 100, secrets: [], leaseMs: ACK_WAIT_SECONDS * 1_000 },
      openProxied: () => openNats(broker.addressAt(proxy.port)),
      open: () => openNats(broker.address),
      async restartBroker() {
        await broker.stop();
        await broker.start();
      },
      publishForeign: (address, bytes, contentType) => publishForeign(native, address, { bytes, contentType }),
    });
  });

  afterAll(async () => {
    await harness.remove();
    await native.close();
  });

  testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
});

interface Foreign {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
}

async function publishForeign(native: NatsConnection, address: string, { bytes, contentType }: Foreign): Promise<void> {
  const all = headers();
  if (contentType !== undefined) all.set("Content-Type", contentType);
  native.publish(address, bytes, { headers: all });
  await native.flush();
}
