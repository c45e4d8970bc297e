import { afterAll, beforeAll } from "vitest";
import type { Harness, Outage } from "../../src/transport/conformance/case.ts";
import type { Transport } from "../../src/transport/port.ts";
import { openPubsub, PROJECT, SETTINGS, soon, uniqueName } from "../adapters/gcp-pubsub/instance.ts";
import { type NativeClients, openNativeClients } from "../adapters/gcp-pubsub/native.ts";
import { describeOwnBroker, type OwnBroker } from "../support/brokers.ts";
import { testConformance } from "../support/conformance.ts";
import { FaultProxy } from "../support/fault-proxy.ts";

/** The order of events with a key costs the test server a pull for each of them. */
const CASE_TIMEOUT_MS = 150_000;

describeOwnBroker("gcp-pubsub", "the Google Pub/Sub transport", (broker) => {
  let harness: PubsubHarness;

  beforeAll(async () => {
    harness = await PubsubHarness.open(broker);
  });

  afterAll(() => harness.remove());

  testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
});

/**
 * The transport under test reaches its server through the proxy; natives and other transports do not. The server keeps
 * everything in memory, so a restart is one of the transport alone.
 */
class PubsubHarness implements Harness {
  readonly settings = SETTINGS;
  readonly quietMs = 700; // an idle pull of the test server takes half a second
  readonly secrets: readonly string[] = [];
  readonly leaseMs = 10_000;
  readonly #broker: OwnBroker;
  readonly #proxy: FaultProxy;
  readonly #native: NativeClients;
  #transport: Transport;

  private constructor(broker: OwnBroker, proxy: FaultProxy, native: NativeClients, transport: Transport) {
    this.#broker = broker;
    this.#proxy = proxy;
    this.#native = native;
    this.#transport = transport;
  }

  static async open(broker: OwnBroker): Promise<PubsubHarness> {
    const proxy = await FaultProxy.open(broker.port);
    const native = await openNativeClients(broker.address);
    return new PubsubHarness(broker, proxy, native, await openPubsub(broker.addressAt(proxy.port)));
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
    return { transport: await openPubsub(this.#broker.address), async dispose() {} };
  }

  attach() {
    return this.open();
  }

  async restart(): Promise<void> {
    await this.#transport.close(soon());
    this.#transport = await openPubsub(this.#broker.addressAt(this.#proxy.port));
  }

  async outage(kind: Outage) {
    if (kind === "cut") await this.#proxy.cut();
    else if (kind === "stall") this.#proxy.stall();
    else this.#proxy.halfOpen();
    return () => this.#proxy.restore();
  }

  async publishForeign(address: string, bytes: Buffer, contentType?: string): Promise<void> {
    const topic = `projects/${PROJECT}/topics/${address}`;
    const attributes = contentType === undefined ? {} : { "content-type": contentType };
    await this.#native.publisher.publish({ topic, messages: [{ data: bytes, attributes }] });
  }

  async remove(): Promise<void> {
    await this.#transport.close(soon());
    await this.#native.close();
    await this.#proxy.close();
  }
}
