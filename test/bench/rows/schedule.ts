/** Many events that wait for their time: the memory that they take, and how late those are that fall due under load. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../harness/bench.ts";
import { atMost, type Measurement, median } from "../harness/measurement.ts";
import type { MessageShape } from "../harness/message.ts";
import { Server } from "../harness/server.ts";
import type { Received } from "../sink.ts";
import { requireAll } from "./delivery.ts";
import { HalfLoad } from "./half-load.ts";

const TOPIC = "later";
const HOUR_MS = 60 * 60 * 1_000;
const BATCH: Pick<MessageShape, "mode" | "events" | "dataBytes"> = { mode: "batch", events: 500, dataBytes: 32 };
/** The share of the events after which memory is looked at first: caches are full, and the heap has its size. */
const FIRST_SHARE = 0.5;
const SETTLE_MS = 2_000;
const POLL_MS = 100;
/** What a shared machine's measurement leaves uncertain. */
const GROWTH_MIB_MAX = 64;
const LATENESS_MS_MAX = 100;
const DUE_EVERY_MS = 2;
/** From publishing the events that fall due until the first of them does. */
const LEAD_MS = 3_000;

export async function schedule(bench: Bench): Promise<readonly Measurement[]> {
  await using server = await Server.start();
  const load = await HalfLoad.on(bench, server);
  await server.createTopic(TOPIC);
  await server.subscribe({ id: TOPIC, topic: TOPIC, sink: bench.sinkUrl });
  const events = bench.sizes.scheduledEvents;
  const dueEvents = BATCH.events * Math.ceil(bench.sizes.measureMs / DUE_EVERY_MS / BATCH.events);
  const first = FIRST_SHARE * events;
  const before = await waitFor(bench, server, first, first);
  const after = await waitFor(bench, server, events - dueEvents - first, events - dueEvents);
  const rounds: Received[] = [];
  for (let round = 0; round < bench.sizes.rounds; round += 1)
    rounds.push(await fallDue(bench, server, load, dueEvents));
  return [
    {
      row: "schedule",
      name: `RSS growth from ${first.toLocaleString("en-US")} scheduled events to ${events.toLocaleString("en-US")}`,
      value: after - before,
      unit: "MiB",
      target: atMost(after - before, GROWTH_MIB_MAX, `${GROWTH_MIB_MAX} MiB`),
      details: { before, after },
    },
    latenessOf(rounds, load.rate),
  ];
}

function latenessOf(rounds: readonly Received[], rate: number): Measurement {
  const early = rounds.reduce((sum, round) => sum + round.early, 0);
  if (early > 0) throw new Error(`${early} events were delivered before their time`);
  const p99 = median(rounds.map(({ latency }) => latency.p99 / 1_000));
  const details = {
    p50: median(rounds.map(({ latency }) => latency.p50 / 1_000)),
    max: Math.max(...rounds.map(({ latency }) => latency.max / 1_000)),
  };
  return {
    row: "schedule",
    name: `lateness p99, ${1_000 / DUE_EVERY_MS}/s due beside ${Math.round(rate).toLocaleString("en-US")}/s`,
    value: p99,
    unit: "ms",
    target: atMost(p99, LATENESS_MS_MAX, `${LATENESS_MS_MAX} ms`),
    details,
  };
}

/** Publishes so many events that are due in an hour; answers the memory once `scheduled` wait in all. */
async function waitFor(bench: Bench, server: Server, events: number, scheduled: number): Promise<number> {
  await bench.fill(server, TOPIC, events, { ...BATCH, due: { from: Date.now() + HOUR_MS, every: 1 } });
  while ((await server.status(TOPIC)).scheduled < scheduled) await sleep(POLL_MS);
  await sleep(SETTLE_MS);
  return server.memory().rss;
}

async function fallDue(bench: Bench, server: Server, load: HalfLoad, events: number): Promise<Received> {
  const due = { from: Date.now() + LEAD_MS, every: DUE_EVERY_MS };
  const run = await bench.fill(server, TOPIC, events, { ...BATCH, due });
  await bench.expectDue(run);
  const loading = bench.run(load.load, bench.newRun(), { ms: due.from - Date.now() + events * DUE_EVERY_MS });
  const received = await bench.receive(events);
  await loading;
  requireAll(received, events);
  return received;
}
