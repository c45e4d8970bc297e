/** What the conformance cases run on: the broker behind a proxy, and a bare client for what is no CloudEvent. */
import { type BrokerHarness, openBrokerHarness } from "../../support/broker-harness.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { openNative, openTransport, SETTINGS, through } from "./rabbit.ts";

/** `restartBroker`: absent where the broker is shared; then a restart is one of the transport alone. */
export async function openHarness(url: string, restartBroker?: () => Promise<void>): Promise<BrokerHarness> {
  const proxy = await FaultProxy.open(Number(new URL(url).port));
  const open = () => openTransport(through(proxy, url));
  return openBrokerHarness({
    ...{ proxy, settings: SETTINGS, quietMs: 300, secrets: ["guest:guest"], openProxied: open, open },
    ...(restartBroker === undefined ? {} : { restartBroker }),
    publishForeign: (address, bytes, contentType) => publishForeign(url, address, { bytes, contentType }),
  });
}

interface Foreign {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
}

async function publishForeign(url: string, address: string, { bytes, contentType }: Foreign): Promise<void> {
  const model = await openNative(url);
  const channel = await model.createConfirmChannel();
  channel.publish(address, "", bytes, contentType === undefined ? {} : { contentType });
  await channel.waitForConfirms();
  await model.close();
}
