/**
 * `npm run demo:two-clouds -- [--events 500] [--quiet 10]`: the profile `two-clouds` of docker-compose.yml without
 * Docker, on the brokers of `npm run brokers:start`. Two buses, `eu` on NATS and `us` on Google Pub/Sub, are started with
 * the configurations of deploy/config, where the layout is explained; only addresses are other ones. Events are published
 * in both clouds at once and received in both. It fails unless each event arrived in each cloud, unchanged, and nothing
 * more came afterwards.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { adapters } from "../../adapters/index.ts";
import { loadPlan } from "../../src/config/load.ts";
import { statusBecomes, subscribe, unique } from "../../test/support/api.ts";
import { type BrokerName, brokerAddress, isReachable } from "../../test/support/brokers.ts";
import { eventually } from "../../test/support/eventually.ts";
import { call, send } from "../../test/support/http.ts";
import { type Pulsebus, startPulsebus } from "../../test/support/pulsebus.ts";
import { startReceiver } from "../../test/support/receiver.ts";
import { deleteTopics } from "./delete-topics.ts";
import { type Entry, Ledger } from "./ledger.ts";
import { sampleOf } from "./sample.ts";

interface Cloud {
  readonly name: string;
  readonly broker: string;
  /** The id of the subscription that forwards into the other cloud. */
  readonly bridge: string;
  readonly address: string;
}

interface Bridge {
  readonly status: { readonly delivered: number; readonly loopDropped: number };
}

const { values } = parseArgs({
  options: { events: { type: "string", default: "500" }, quiet: { type: "string", default: "10" } },
});
const EVENTS = Number(values.events);
const QUIET_SECONDS = Number(values.quiet);
const PUBLISHERS = 8;
/** Without a fault; the Pub/Sub server on this machine passes some hundred events a second. */
const ARRIVAL_MS_MAX = 60_000 + EVENTS * 20;

const eu: Cloud = {
  name: "eu",
  broker: "NATS",
  bridge: "bridge.to-us.orders.orders-of-us",
  address: unique("demo-eu"),
};
const us: Cloud = {
  name: "us",
  broker: "Pub/Sub",
  bridge: "bridge.to-eu.orders.orders-of-eu",
  address: unique("demo-us"),
};
const clouds = [eu, us];
/** The same for both buses: each finds what its file has. */
const environment = {
  NATS_URL: brokerAddress("nats"),
  PUBSUB_EMULATOR: brokerAddress("gcp-pubsub"),
  PULSEBUS_TOPICS_ORDERS_OF_EU_ADDRESS: eu.address,
  PULSEBUS_TOPICS_ORDERS_OF_US_ADDRESS: us.address,
};
const print = (text: string): void => void process.stdout.write(`${text}\n`);

// Buses are stopped and topics deleted then too.
const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<false>();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt(false));

await requireBroker("nats");
await requireBroker("gcp-pubsub");
process.exit((await run()) ? 0 : 1); // what was interrupted still waits

async function run(): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const ledger = new Ledger();
  const buses = new Map<Cloud, Pulsebus>();
  for (const cloud of clouds) {
    const receiver = stack.use(
      await startReceiver((request) => {
        receiver.requests.length = 0; // the ledger has it
        ledger.receive(cloud.name, request);
        return 204;
      }),
    );
    stack.defer(() => deleteTopicsOf(cloud));
    const bus = stack.use(await startBus(cloud));
    await subscribe(bus.url, { id: "demo", topic: "orders", sink: receiver.url() });
    buses.set(cloud, bus);
    print(`bus ${cloud.name} on ${cloud.broker}: ${bus.url} (process ${bus.pid})`);
  }
  const isWhole = await Promise.race([mirror(buses, ledger), interrupted]);
  for (const [{ name }, bus] of buses) {
    const { code } = await bus.stop();
    print(`bus ${name} stopped with status ${code}`);
  }
  return isWhole;
}

async function startBus(cloud: Cloud): Promise<Pulsebus> {
  const bus = await startPulsebus({ args: ["--config", configurationOf(cloud)], env: environmentOf(cloud) });
  try {
    await eventually(() => call(bus.url, "GET", "/readyz"));
    await statusBecomes(bus.url, cloud.bridge, { state: "active" });
    return bus;
  } catch (error) {
    await bus.stop("SIGKILL");
    throw error;
  }
}

/** Publishes in both clouds at once, and waits for what has to come and then for what must not. */
async function mirror(buses: ReadonlyMap<Cloud, Pulsebus>, ledger: Ledger): Promise<boolean> {
  print(`\npublishing ${EVENTS} events in each cloud ...`);
  const began = performance.now();
  await Promise.all([...buses].map(([{ name }, { url }]) => publishAll(name, url, ledger)));
  const isOwed = (): boolean => waysOf(ledger).some(({ missing }) => missing > 0);
  await eventually(() => {
    if (isOwed()) throw new Error("events are owed");
  }, ARRIVAL_MS_MAX).catch(() => {}); // the ledger says which
  print(`the last one arrived after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  const before = ledger.arrivals;
  print(`watching for ${QUIET_SECONDS} s whether anything comes back ...`);
  await sleep(QUIET_SECONDS * 1_000);
  const late = ledger.arrivals - before;
  await report(buses, ledger, late);
  return late === 0 && waysOf(ledger).every(({ missing, changed }) => missing === 0 && changed === 0);
}

async function report(buses: ReadonlyMap<Cloud, Pulsebus>, ledger: Ledger, late: number): Promise<void> {
  print("\npublished in   received in   published   arrived   missing   duplicated   changed");
  for (const way of waysOf(ledger)) print(lineOf(way));
  print(`\narrived in the ${QUIET_SECONDS} s after the last: ${late}`);
  for (const [{ name, bridge }, { url }] of buses) {
    const { status } = await call<Bridge>(url, "GET", `/subscriptions/${bridge}`);
    print(`bus ${name} forwarded ${status.delivered}, and kept ${status.loopDropped} from going back`);
  }
}

/** A request that got no 202 is sent again: its event may be stored twice, which the ledger shows. */
async function publishAll(cloud: string, url: string, ledger: Ledger): Promise<void> {
  let next = 0;
  const publishSome = async (): Promise<void> => {
    while (next < EVENTS) {
      const sample = sampleOf(cloud, next++);
      ledger.publish(cloud, sample);
      await eventually(async () => {
        const { status, body } = await send(`${url}/topics/orders/events`, sample.request);
        if (status !== 202) throw new Error(`${sample.id} was answered ${status}: ${body}`);
      });
    }
  };
  await Promise.all(Array.from({ length: PUBLISHERS }, publishSome));
}

type Way = Entry & { readonly from: Cloud; readonly to: Cloud };

function waysOf(ledger: Ledger): readonly Way[] {
  return clouds.flatMap((from) => clouds.map((to) => ({ from, to, ...ledger.entry(from.name, to.name) })));
}

function lineOf({ from, to, published, arrived, missing, duplicated, changed }: Way): string {
  const names = [from, to].map(({ name, broker }) => `${name} (${broker})`.padEnd(14));
  const widths = [10, 10, 10, 13, 10];
  const numbers = [published, arrived, missing, duplicated, changed].map((n, at) => `${n}`.padStart(widths[at] ?? 0));
  return names.join("") + numbers.join("");
}

function configurationOf({ name }: Cloud): string {
  return new URL(`../../deploy/config/${name}.yaml`, import.meta.url).pathname;
}

function environmentOf(cloud: Cloud): Readonly<Record<string, string>> {
  return { ...environment, PULSEBUS_TOPICS_ORDERS_ADDRESS: cloud.address };
}

async function deleteTopicsOf(cloud: Cloud): Promise<void> {
  const plan = await loadPlan({
    file: configurationOf(cloud),
    env: environmentOf(cloud),
    flags: {},
    readFile: (path) => readFile(path, "utf8"),
    adapters: Object.keys(adapters),
  });
  await deleteTopics(plan);
}

async function requireBroker(name: BrokerName): Promise<void> {
  const address = brokerAddress(name);
  if (await isReachable(address)) return;
  print(`${name} does not answer at ${address}: npm run brokers:install && npm run brokers:start -- nats gcp-pubsub`);
  process.exit(1);
}
