/**
 * The two clouds of deploy/config, where faults can be made: each broker is an instance of its own, and each of the four
 * ways from a bus to a broker goes through a proxy.
 *
 *     bus eu ──┬─ near ─▶ NATS                       ◀─ far ──┬── bus us
 *              └─ far ──▶ Pub/Sub or RabbitMQ        ◀─ near ─┘
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Supervisor } from "../../crash/supervisor.ts";
import { statusBecomes } from "../../support/api.ts";
import type { OwnBroker } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { call } from "../../support/http.ts";
import { startReceiver } from "../../support/receiver.ts";
import type { Account } from "./account.ts";

/** What cloud `us` lives on. */
export type UsBroker = "gcp-pubsub" | "amqp";

export interface Brokers {
  readonly eu: OwnBroker;
  readonly us: OwnBroker;
  readonly usKind: UsBroker;
}

export interface Cloud {
  readonly name: "eu" | "us";
  readonly bus: Supervisor;
  readonly broker: OwnBroker;
  readonly brokerName: string;
  /** A restarted broker has what it stored. */
  readonly isDurable: boolean;
  /** The subscriptions of its bus: the one that tells the account, and the bridge into the other cloud. */
  readonly subscriptions: readonly string[];
  /** The ways of this cloud's bus to its own broker and to the other's. */
  readonly near: FaultProxy;
  readonly far: FaultProxy;
  /** The other bus's way to this cloud's broker. */
  readonly fromAbroad: FaultProxy;
}

const TELLS = "account";
const BRIDGES = { eu: "bridge.to-us.orders.orders-of-us", us: "bridge.to-eu.orders.orders-of-eu" } as const;

/** Brokers, proxies, buses and receivers, with bridges and a subscription in each cloud that tells the account. */
export async function openClouds(
  brokers: Brokers,
  account: Account,
  stack: AsyncDisposableStack,
): Promise<readonly [Cloud, Cloud]> {
  const proxyTo = async ({ port }: OwnBroker): Promise<FaultProxy> =>
    stack.adopt(await FaultProxy.open(port), (proxy) => proxy.close());
  const eu = { near: await proxyTo(brokers.eu), far: await proxyTo(brokers.us) };
  const us = { near: await proxyTo(brokers.us), far: await proxyTo(brokers.eu) };
  const open = (name: Cloud["name"], nats: FaultProxy, other: FaultProxy): Promise<Supervisor> => {
    const env = {
      NATS_URL: brokers.eu.addressAt(nats.port),
      PUBSUB_EMULATOR: brokers.us.addressAt(other.port),
      AMQP_URL: brokers.us.addressAt(other.port),
    };
    return openBus(configurationOf(name, brokers.usKind), env, stack);
  };
  const clouds: readonly [Cloud, Cloud] = [
    {
      ...eu,
      ...{ name: "eu", broker: brokers.eu, brokerName: "NATS", isDurable: true, fromAbroad: us.far },
      subscriptions: [TELLS, BRIDGES.eu],
      bus: await open("eu", eu.near, eu.far),
    },
    {
      ...us,
      ...{ name: "us", broker: brokers.us, fromAbroad: eu.far },
      subscriptions: [TELLS, BRIDGES.us],
      brokerName: brokers.usKind === "amqp" ? "RabbitMQ" : "Pub/Sub",
      isDurable: brokers.usKind === "amqp",
      bus: await open("us", us.far, us.near),
    },
  ];
  for (const cloud of clouds) await subscribe(cloud, account, stack);
  return clouds;
}

async function openBus(
  configuration: string,
  env: Readonly<Record<string, string>>,
  stack: AsyncDisposableStack,
): Promise<Supervisor> {
  const dataDir = await mkdtemp(join(tmpdir(), "pulsebus-clouds-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const bus = new Supervisor({ dataDir, args: ["--config", configuration], env });
  stack.defer(() => bus.close());
  await bus.start();
  return bus;
}

async function subscribe({ name, bus }: Cloud, account: Account, stack: AsyncDisposableStack): Promise<void> {
  const receiver = await startReceiver((request) => {
    receiver.requests.length = 0; // the account has it
    account.received(name, request);
    return 204;
  });
  stack.use(receiver);
  const { url } = await bus.current;
  await eventually(() => call(url, "GET", "/readyz"));
  await statusBecomes(url, BRIDGES[name], { state: "active" });
  await bus.call("POST", "/subscriptions", { id: TELLS, topic: "orders", sink: receiver.url() }, [201]);
}

function configurationOf(name: Cloud["name"], usKind: UsBroker): string {
  const file = usKind === "amqp" ? `./${name}-amqp.yaml` : `../../../deploy/config/${name}.yaml`;
  return new URL(file, import.meta.url).pathname;
}

/** Waits until no bus has anything parked or under way; what was parked after it had arrived comes a second time. */
export async function idle(clouds: readonly Cloud[], withinMs: number): Promise<void> {
  for (const { bus, subscriptions } of clouds) {
    const { url } = await bus.current;
    for (const id of subscriptions) await statusBecomes(url, id, { parked: 0, inFlight: 0 }, withinMs);
  }
}
