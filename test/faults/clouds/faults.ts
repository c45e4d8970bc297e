/** What is done to two clouds. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultProxy } from "../../support/fault-proxy.ts";
import type { Cloud } from "./layout.ts";

export interface Fault {
  readonly name: string;
  /** Resolves when it is over: everything is back. */
  readonly run: (round: number) => Promise<void>;
}

export interface FaultTimes {
  /** How long a link is cut. */
  readonly cutMs: number;
  /** How long a broker is away, besides the time of its start. */
  readonly awayMs: number;
}

export function faultsOf(clouds: readonly Cloud[], { cutMs, awayMs }: FaultTimes): readonly Fault[] {
  return [
    ...clouds.map((cloud) => (cloud.isDurable ? restart(cloud, awayMs) : unreachable(cloud, awayMs))),
    ...clouds.flatMap(({ name, near, far }) => [
      { name: `bus ${name}: its link to the near broker is cut`, run: () => cut([near], cutMs) },
      { name: `bus ${name}: its link to the far broker is cut`, run: () => cut([far], cutMs) },
    ]),
    ...clouds.map(({ name, bus }) => ({
      name: `bus ${name} is killed with -9 and started`,
      async run() {
        await bus.stop("SIGKILL");
        await bus.start();
      },
    })),
  ];
}

/** In turn as an operator does it and as a crash. */
function restart({ broker, brokerName }: Cloud, awayMs: number): Fault {
  return {
    name: `${brokerName} is restarted`,
    async run(round) {
      await (round % 2 === 0 ? broker.stop() : broker.kill());
      await sleep(awayMs);
      await broker.start();
    },
  };
}

/** The same as its clients see it, for a broker that keeps what it stores in memory only. */
function unreachable({ brokerName, near, fromAbroad }: Cloud, awayMs: number): Fault {
  return {
    name: `${brokerName} is away from both buses`,
    run: () => cut([near, fromAbroad], awayMs),
  };
}

async function cut(links: readonly FaultProxy[], ms: number): Promise<void> {
  await Promise.all(links.map((link) => link.cut()));
  await sleep(ms);
  await Promise.all(links.map((link) => link.restore()));
}
