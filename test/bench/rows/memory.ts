/** Memory with a large backlog: while it waits, and while it is worked off. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../harness/bench.ts";
import { atMost, type Measurement } from "../harness/measurement.ts";
import type { MessageShape } from "../harness/message.ts";
import { Server } from "../harness/server.ts";
import { requireAll } from "./delivery.ts";

const SMALL: MessageShape = { mode: "batch", events: 1_000, dataBytes: 32 };
const TARGET_MIB = 250;
const SETTLE_MS = 3_000;

export async function memory(bench: Bench): Promise<readonly Measurement[]> {
  const events = bench.sizes.memoryEvents;
  await using server = await Server.start();
  await server.createTopic("backlog");
  await server.subscribe({ id: "slow", topic: "backlog", sink: bench.sinkUrl });
  const start = server.memory().rss;
  await server.pause("slow");
  await bench.expect(await bench.fill(server, "backlog", events, SMALL));
  await sleep(SETTLE_MS);
  const { rss: waiting, peak: filling } = server.memory();
  await server.resume("slow");
  const receiving = bench.receive(events);
  const draining = await server.peakOf(receiving);
  requireAll(await receiving, events);
  const count = events.toLocaleString("en-US");
  return [
    {
      row: "memory",
      name: `RSS with a backlog of ${count} small events`,
      value: waiting,
      unit: "MiB",
      target: atMost(waiting, TARGET_MIB, `${TARGET_MIB} MiB`),
      details: { "at start": start, "peak while publishing": filling },
    },
    {
      row: "memory",
      name: "peak RSS while it is delivered",
      value: draining,
      unit: "MiB",
      target: atMost(draining, TARGET_MIB, `${TARGET_MIB} MiB`),
    },
  ];
}
