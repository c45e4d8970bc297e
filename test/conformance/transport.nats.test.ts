import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll } from "vitest";
import type { Harness, Outage } from "../../src/transport/conformance/case.ts";
import type { Transport } from "../../src/transport/port.ts";
import { openNats, soon, topicSettings, uniqueName } from "../adapters/nats/instance.ts";
import { describeOwnBroker, type OwnBroker } from "../support/brokers.ts";
import { testConformance } from "../support/conformance.ts";
import { FaultProxy } from "../support/fault-proxy.ts";

/** The cases with outages wait for heartbeats; a busy machine adds to it. */
const CASE_TIMEOUT_MS = 120_000;
const ACK_WAIT_SECONDS = 2;
const SETTINGS = topicSettings({ options: { ackWaitSeconds: ACK_WAIT_SECONDS } });

describeOwnBroker("nats", "the NATS transport", (broker) => {
  let harness: NatsHarness;

  beforeAll(async () => {
    harness = await NatsHarness.open(broker);
  });

  afterAll(() => harness.remove());

  testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
});

/** The transport under test reaches its server through the proxy; natives and other transports do not. */
class NatsHarness implements Harness {
  readonly settings = SETTINGS;
  readonly quietMs = 100;
  readonly secrets: readonly string[] = [];
  readonly leaseMs = ACK_WAIT_SECONDS * 1_000;
  readonly #broker: OwnBroker;
  readonly #proxy: FaultProxy;
  readonly #native: NatsConnection;
  #transport: Transport;

  private constructor(broker: OwnBroker, proxy: FaultProxy, native: NatsConnection, transport: Transport) {
    this.#broker = broker;
    this.#proxy = proxy;
    this.#native = native;
    this.#transport = transport;
  }

  static async open(broker: OwnBroker): Promise<NatsHarness> {
    const proxy = await FaultProxy.open(broker.port);
    const native = await connect({ servers: broker.address, maxReconnectAttempts: -1, reconnectTimeWait: 200 });
    const transport = await openNats(broker.addressAt(proxy.port));
    return new NatsHarness(broker, proxy, native, transport);
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
    return address;
  }

  async open() {
    return { transport: await openNats(this.#broker.address), async dispose() {} };
  }

  attach() {
    return this.open();
  }

  async restart(): Promise<void> {
    await this.#transport.close(soon());
    await this.#broker.stop();
    await this.#broker.start();
    this.#transport = await openNats(this.#broker.addressAt(this.#proxy.port));
  }

  readonly outage = async (kind: Outage): Promise<() => Promise<void>> => {
    if (kind === "cut") await this.#proxy.cut();
    else if (kind === "stall") this.#proxy.stall();
    else this.#proxy.halfOpen();
    return () => this.#proxy.restore();
  };

  async publishForeign(address: string, bytes: Buffer, contentType?: string): Promise<void> {
    const native = headers();
    if (contentType !== undefined) native.set("Content-Type", contentType);
    this.#native.publish(address, bytes, { headers: native });
    await this.#native.flush();
  }

  async remove(): Promise<void> {
    await this.#transport.close(soon());
    await this.#native.close();
    await this.#proxy.close();
  }
}
