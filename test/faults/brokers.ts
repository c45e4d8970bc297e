/** The four brokers as a bus of these commands is told of them. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BrokerName, freePort, OwnBroker } from "../support/brokers.ts";
import { makeDirectory } from "../support/pulsebus.ts";

export const BROKERS = ["nats", "amqp", "kafka", "gcp-pubsub"] as const satisfies readonly BrokerName[];

interface Way {
  readonly port: number;
  close(): Promise<void>;
}

export interface BrokerBehind<W extends Way> {
  readonly broker: OwnBroker;
  readonly way: W;
  /** Where the bus connects. */
  readonly address: string;
}

/** An own instance whose clients come through a proxy: `open` makes one from the broker's port and the proxy's own. */
export async function openBehind<W extends Way>(
  name: BrokerName,
  open: (target: number, port: number) => Promise<W>,
  stack: AsyncDisposableStack,
): Promise<BrokerBehind<W>> {
  const port = await freePort();
  const broker = await openBroker(name, stack, port);
  const way = stack.adopt(await open(broker.port, port), (opened) => opened.close());
  return { broker, way, address: broker.addressAt(port) };
}

/** `advertisedPort`: where a broker tells its clients to connect to, if not to itself. */
export async function openBroker(
  name: BrokerName,
  stack: AsyncDisposableStack,
  advertisedPort?: number,
): Promise<OwnBroker> {
  const options = advertisedPort === undefined ? {} : { advertisedPort: () => advertisedPort };
  const broker = stack.adopt(new OwnBroker(name, options), (opened) => opened.remove());
  await broker.create();
  return broker;
}

/** Writes a configuration with a transport for each, of the broker's name, and these topics; answers its path. */
export async function writeConfiguration(
  addresses: ReadonlyMap<BrokerName, string>,
  topics: Readonly<Record<string, { readonly transport: BrokerName }>>,
  stack: AsyncDisposableStack,
): Promise<string> {
  const directory = stack.adopt(await makeDirectory(), (made) => rm(made, { recursive: true, force: true }));
  const transports = [...addresses].map(([name, address]) => [name, { adapter: name, ...settingsOf(name, address) }]);
  const configuration = {
    bus: { id: "faults" },
    egress: { allow: ["127.0.0.0/8"] },
    transports: Object.fromEntries(transports),
    topics,
  };
  const path = join(directory, "faults.json");
  await writeFile(path, JSON.stringify(configuration));
  return path;
}

function settingsOf(name: BrokerName, address: string): object {
  return name === "gcp-pubsub" ? { projectId: "pulsebus", emulator: address } : { servers: [address] };
}
