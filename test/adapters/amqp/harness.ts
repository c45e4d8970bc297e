/** What the conformance cases run on: transports behind a proxy, and a bare client for what is no CloudEvent. */
import type { Harness } from "../../../src/transport/conformance/case.ts";
import type { Transport } from "../../../src/transport/port.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { openNative, openTransport, SETTINGS, soon, through, uniqueName } from "./rabbit.ts";

export interface OpenHarness {
  readonly harness: Harness;
  close(): Promise<void>;
}

/** `restartBroker`: absent where the broker is shared; then a restart is one of the transport alone. */
export async function openHarness(url: string, restartBroker = async (): Promise<void> => {}): Promise<OpenHarness> {
  const proxy = await FaultProxy.open(Number(new URL(url).port));
  const proxied = through(proxy, url);
  const addresses: string[] = [];
  let transport: Transport = await openTransport(proxied);
  const open = async () => {
    const other = await openTransport(proxied);
    return { transport: other, dispose: () => other.close(soon()) };
  };
  const harness: Harness = {
    get transport() {
      return transport;
    },
    async address() {
      const address = uniqueName();
      await transport.provision(address, SETTINGS);
      addresses.push(address);
      return address;
    },
    name: uniqueName,
    settings: SETTINGS,
    quietMs: 300,
    secrets: ["guest:guest"],
    open,
    attach: open,
    async restart() {
      await transport.close(soon());
      await restartBroker();
      transport = await openTransport(proxied);
    },
    async outage(kind) {
      if (kind === "stall") proxy.stall();
      else if (kind === "halfOpen") proxy.halfOpen();
      else await proxy.cut();
      return () => proxy.restore();
    },
    publishForeign: (address, bytes, contentType) => publishForeign(url, address, { bytes, contentType }),
  };
  return {
    harness,
    async close() {
      for (const address of addresses) await transport.deprovision(address);
      await transport.close(soon());
      await proxy.close();
    },
  };
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
