/** What a subscription notices of others that hold up: one whose sink is dead, and one whose sink is slow. */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../harness/bench.ts";
import { atMost, type Measurement, median } from "../harness/measurement.ts";
import type { MessageShape } from "../harness/message.ts";
import { Server } from "../harness/server.ts";
import { HalfLoad } from "./half-load.ts";

const SMALL: MessageShape = { mode: "batch", events: 1_000, dataBytes: 32 };
const GROWTH_MAX = 1.2;
/**
 * A disk that stalls once makes the p99 of its round five times as high, and each other round meets one: so there are
 * many rounds, and short ones.
 */
const ROUNDS_TIMES = 7;
const MEASURE_MS = 2_000;
/** Until what a neighbour has open is parked, or the first of its attempts have failed. */
const SETTLE_MS = 1_000;
const NEIGHBOURS = ["dead", "slow"] as const;

export async function isolation(bench: Bench): Promise<readonly Measurement[]> {
  const events = bench.sizes.isolationEvents;
  await using server = await Server.start();
  const healthy = await HalfLoad.on(bench, server);
  await server.createTopic("backlog");
  await bench.fill(server, "backlog", events, SMALL);
  const sinks = { dead: await refusingUrl(), slow: bench.slowSinkUrl };
  for (const id of NEIGHBOURS) {
    await server.subscribe({ id, topic: "backlog", sink: sinks[id], delivery: { from: "earliest" } });
    await server.pause(id);
  }
  const alone: number[] = [];
  const beside: Record<(typeof NEIGHBOURS)[number], number[]> = { dead: [], slow: [] };
  for (let round = 0; round < bench.sizes.rounds * ROUNDS_TIMES; round += 1) {
    alone.push(await healthy.p99(MEASURE_MS));
    for (const id of NEIGHBOURS) beside[id].push(await p99Beside(healthy, server, id));
  }
  const rate = Math.round(healthy.rate).toLocaleString("en-US");
  const ceiling = { name: "beside paused ones", value: median(alone) };
  return NEIGHBOURS.map((id) => ({
    row: "isolation",
    name: `publish → webhook p99 at ${rate}/s, beside a ${id} sink with ${events.toLocaleString("en-US")} events`,
    value: median(beside[id]),
    unit: "ms",
    ceiling,
    target: atMost(median(beside[id]) / ceiling.value, GROWTH_MAX, GROWTH_MAX.toFixed(2)),
  }));
}

async function p99Beside(healthy: HalfLoad, server: Server, neighbour: string): Promise<number> {
  await server.resume(neighbour);
  await sleep(SETTLE_MS);
  const p99 = await healthy.p99(MEASURE_MS);
  await server.pause(neighbour);
  await sleep(SETTLE_MS);
  return p99;
}

/** Where nobody listens. */
async function refusingUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return `http://127.0.0.1:${port}/`;
}
