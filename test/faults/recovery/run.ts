/**
 * How soon a bus goes on after its broker was away: killed and started again, or behind a link that was cut. The bus is
 * never restarted. Outages of different brokers overlap; their ends don't, so that no start of a broker slows down what
 * is measured of another.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerName } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { call } from "../../support/http.ts";
import { startPulsebus } from "../../support/pulsebus.ts";
import { BROKERS, openBehind, openBroker, writeConfiguration } from "../brokers.ts";
import { Probe, type Recovery } from "./probe.ts";

export interface RecoveryOptions {
  readonly outageSeconds: readonly number[];
  /** How often each outage is made. */
  readonly rounds: number;
  readonly onRow: (row: RecoveryRow) => void;
}

export interface RecoveryRow {
  readonly broker: BrokerName;
  readonly fault: "killed" | "cut";
  readonly recoveries: readonly Recovery[];
  readonly lost: number;
}

/** A broker, and how it is taken away and brought back. `restore` resolves when it answers. */
interface Target {
  readonly broker: BrokerName;
  readonly fault: RecoveryRow["fault"];
  readonly address: string;
  remove(): Promise<void>;
  restore(): Promise<void>;
}

const READY_MS_MAX = 60_000;

export async function runRecovery(options: RecoveryOptions): Promise<void> {
  // The Pub/Sub server forgets everything when it is killed.
  const durable = BROKERS.filter((name) => name !== "gcp-pubsub");
  await runPhase(
    durable.map((name) => (stack) => killable(name, stack)),
    options,
  );
  await runPhase(
    BROKERS.map((name) => (stack) => cuttable(name, stack)),
    options,
  );
}

async function runPhase(
  open: readonly ((stack: AsyncDisposableStack) => Promise<Target>)[],
  options: RecoveryOptions,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const targets = await Promise.all(open.map((one) => one(stack)));
  const addresses = new Map(targets.map(({ broker, address }) => [broker, address]));
  const topics = Object.fromEntries(targets.map(({ broker }) => [`of-${broker}`, { transport: broker }]));
  const configuration = await writeConfiguration(addresses, topics, stack);
  const bus = stack.use(await startPulsebus({ args: ["--config", configuration] }));
  await eventually(() => call(bus.url, "GET", "/readyz"), READY_MS_MAX);
  const alone = new Turns();
  await Promise.all(targets.map((target) => measure(target, bus.url, alone, stack, options)));
}

async function measure(
  target: Target,
  url: string,
  alone: Turns,
  stack: AsyncDisposableStack,
  { outageSeconds, rounds, onRow }: RecoveryOptions,
): Promise<void> {
  const { broker, fault } = target;
  const probe = new Probe(url, `of-${broker}`);
  await probe.start(stack);
  const recoveries: Recovery[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const seconds of outageSeconds) {
      await target.remove();
      await sleep(seconds * 1_000);
      const recovery = await alone.take(async () => {
        await target.restore();
        return probe.recovery(performance.now());
      });
      recoveries.push(recovery);
    }
  }
  onRow({ broker, fault, recoveries, lost: await probe.stop() });
}

async function killable(name: BrokerName, stack: AsyncDisposableStack): Promise<Target> {
  const broker = await openBroker(name, stack);
  return {
    ...{ broker: name, fault: "killed", address: broker.address },
    remove: () => broker.kill(),
    restore: () => broker.start(),
  };
}

async function cuttable(name: BrokerName, stack: AsyncDisposableStack): Promise<Target> {
  const { way, address } = await openBehind(name, FaultProxy.open, stack);
  return {
    ...{ broker: name, fault: "cut", address },
    remove: () => way.cut(),
    restore: () => way.restore(),
  };
}

/** One at a time, in the order in which they came. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {}); // whoever asked for it is told
    return result;
  }
}
