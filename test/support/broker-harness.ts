/**
 * What the conformance cases run on, for any broker: a transport that reaches its broker through a proxy, so that the
 * connection can be cut, stalled and left half open.
 */
import type { Harness, Outage } from "../../src/transport/conformance/case.ts";
import type { Transport } from "../../src/transport/port.ts";
import type { FaultProxy } from "./fault-proxy.ts";
import { soon, uniqueName } from "./transports.ts";

/** The proxy, and what differs from broker to broker. */
interface BrokerHarnessOptions
  extends Pick<Harness, "settings" | "quietMs" | "secrets" | "leaseMs" | "publishForeign"> {
  readonly proxy: FaultProxy;
  /** Opens the transport under test, through the proxy. */
  readonly openProxied: () => Promise<Transport>;
  /** Opens the other ones. */
  readonly open: () => Promise<Transport>;
  /** Stops the broker and starts it again. Absent where it is shared or keeps nothing: a restart is then the transport's. */
  readonly restartBroker?: () => Promise<void>;
}

export interface BrokerHarness extends Harness {
  remove(): Promise<void>;
}

export async function openBrokerHarness(options: BrokerHarnessOptions): Promise<BrokerHarness> {
  const { proxy, openProxied, restartBroker, ...rest } = options;
  const addresses: string[] = [];
  let transport = await openProxied();
  const open = async () => {
    const other = await options.open();
    return { transport: other, dispose: () => other.close(soon()) };
  };
  return {
    ...rest,
    get transport() {
      return transport;
    },
    name: uniqueName,
    async address() {
      const address = uniqueName();
      await transport.provision(address, options.settings);
      addresses.push(address);
      return address;
    },
    open,
    attach: open,
    async restart() {
      await transport.close(soon());
      await restartBroker?.();
      transport = await openProxied();
    },
    outage: (kind) => outageOf(proxy, kind),
    async remove() {
      if (restartBroker === undefined) for (const address of addresses) await transport.deprovision(address);
      await transport.close(soon());
      await proxy.close();
    },
  };
}

async function outageOf(proxy: FaultProxy, kind: Outage): Promise<() => Promise<void>> {
  if (kind === "cut") await proxy.cut();
  else if (kind === "stall") proxy.stall();
  else proxy.halfOpen();
  return () => proxy.restore();
}
