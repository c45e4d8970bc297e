/** Memory of the bus before and after a bridge has carried many events. */
import type { Bench } from "../../harness/bench.ts";
import { atMost, type Measurement, type Skipped } from "../../harness/measurement.ts";
import { Bridge, type Pair, which } from "./bridge.ts";
import { brokersOf } from "./bridge-rate.ts";
import { startBus, TITLES, unlessMissing } from "./buses.ts";
import { Scratch } from "./scratch.ts";

const PAIR: Pair = { from: "nats", to: "kafka" };
const SMALL_BYTES = 32;
const GROWTH_MIB = 50;
/** Carried one after the other, so that no broker has to hold all of it unread. */
const PORTION_EVENTS = 100_000;
/** Before the first look: code is compiled and buffers have their size. */
const WARM_UP_EVENTS = 20_000;

export async function bridgeMemory(bench: Bench): Promise<readonly (Measurement | Skipped)[]> {
  const count = bench.sizes.memoryEvents.toLocaleString("en-US");
  const name = `growth of RSS, bridge ${TITLES[PAIR.from]} → ${TITLES[PAIR.to]}, ${count} small events`;
  return unlessMissing({ row: "bridge-memory", name, brokers: brokersOf(PAIR) }, () => measure(bench, name));
}

async function measure(bench: Bench, name: string): Promise<readonly Measurement[]> {
  await using scratch = new Scratch();
  await using server = await startBus(brokersOf(PAIR));
  const start = server.memory().rss;
  const bridge = await Bridge.open(scratch, server, PAIR);
  try {
    await carry(bench, bridge, WARM_UP_EVENTS);
    const before = server.memory().rss;
    for (let carried = 0; carried < bench.sizes.memoryEvents; carried += PORTION_EVENTS) {
      await carry(bench, bridge, PORTION_EVENTS);
    }
    const { rss: after, peak } = server.memory();
    const details = { "at start": start, before, after, peak };
    const target = atMost(after - before, GROWTH_MIB, `${GROWTH_MIB} MiB`);
    return [{ row: "bridge-memory", name, value: after - before, unit: "MiB", target, details }];
  } finally {
    await bridge.remove();
  }
}

async function carry(bench: Bench, bridge: Bridge, events: number): Promise<void> {
  const portion = which(bench, events, SMALL_BYTES);
  await bridge.pause();
  await bridge.fill(portion);
  await bridge.carry(events);
}
