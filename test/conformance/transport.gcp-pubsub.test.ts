import { afterAll, beforeAll, it } from "vitest";
import { type Harness, runCase } from "../../src/transport/conformance/case.ts";
import { conformanceCases } from "../../src/transport/conformance/cases.ts";
import type { Transport } from "../../src/transport/port.ts";
import { openPubsub, PROJECT, SETTINGS, soon, uniqueName } from "../adapters/gcp-pubsub/instance.ts";
import { openNativeClients } from "../adapters/gcp-pubsub/native.ts";
import { describeBroker } from "../support/brokers.ts";
import { FaultProxy } from "../support/fault-proxy.ts";

/** The order of events with a key costs the test server a pull for each of them. */
const CASE_TIMEOUT_MS = 120_000;

await describeBroker("gcp-pubsub", "the Google Pub/Sub transport", (address) => {
  let harness: Harness;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ harness, close } = await openHarness(address));
  });

  afterAll(() => close());

  for (const conformanceCase of conformanceCases) {
    it(`${conformanceCase.id}: ${conformanceCase.title}`, { timeout: CASE_TIMEOUT_MS }, async ({ skip }) => {
      if ((await runCase(conformanceCase, harness)) === "skipped") skip("Pub/Sub, or its test server, can't show it");
    });
  }
});

/**
 * The server keeps everything in memory, so a restart is one of the transport alone; what a restart of the server does
 * to clients is in `test/adapters/gcp-pubsub`.
 */
async function openHarness(address: string) {
  const proxy = await FaultProxy.open(Number(address.split(":").at(-1)));
  const proxied = `127.0.0.1:${proxy.port}`;
  const native = await openNativeClients(address);
  let transport: Transport = await openPubsub(proxied);
  const harness: Harness = {
    get transport() {
      return transport;
    },
    async address() {
      const name = uniqueName();
      await transport.provision(name, SETTINGS);
      return name;
    },
    name: uniqueName,
    settings: SETTINGS,
    quietMs: 700, // a pull of the test server takes half a second
    secrets: [],
    async open() {
      return { transport: await openPubsub(address), async dispose() {} };
    },
    async restart() {
      await transport.close(soon());
      transport = await openPubsub(proxied);
    },
    async outage() {
      await proxy.cut();
      return () => proxy.restore();
    },
    async publishForeign(name, bytes) {
      await native.publisher.publish({ topic: `projects/${PROJECT}/topics/${name}`, messages: [{ data: bytes }] });
    },
  };
  return {
    harness,
    async close() {
      await transport.close(soon());
      await native.close();
      await proxy.close();
    },
  };
}
