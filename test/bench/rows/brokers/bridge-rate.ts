/** Bridges beside the raw clients of both ends: the slower one bounds what any bridge can carry. */
import type { Bench } from "../../harness/bench.ts";
import { atLeast, type Measurement, median, type Skipped } from "../../harness/measurement.ts";
import { SINGLE } from "../../harness/message.ts";
import type { CpuUsage } from "../../harness/process-usage.ts";
import type { Server } from "../../harness/server.ts";
import type { Place } from "../../raw-client.ts";
import { Bridge, type Pair, which } from "./bridge.ts";
import { type BrokerRow, cpuDetails, startBus, TITLES, unlessMissing } from "./buses.ts";
import { Scratch } from "./scratch.ts";

export async function bridgeRate(bench: Bench, pair: Pair): Promise<readonly (Measurement | Skipped)[]> {
  const { from, to } = pair;
  const name = `bridge ${TITLES[from]} → ${TITLES[to]}`;
  const row: BrokerRow = { row: `bridge-${from}-${to}`, name, brokers: brokersOf(pair) };
  return unlessMissing(row, () => measure(bench, pair, row));
}

export function brokersOf({ from, to }: Pair) {
  return from === "embedded" ? [to] : [from, to];
}

interface Rates {
  readonly bridge: number;
  readonly consume: number | undefined;
  readonly publish: number;
  readonly cpu: CpuUsage;
}

async function measure(bench: Bench, pair: Pair, { row, name }: BrokerRow): Promise<readonly Measurement[]> {
  await using scratch = new Scratch();
  await using server = await startBus(brokersOf(pair));
  const target = await scratch.made(pair.to);
  const all: Rates[] = [];
  for (let round = -1; round < bench.sizes.rounds; round += 1) {
    const rates = await measureOnce(bench, { scratch, server, pair, target });
    if (round >= 0) all.push(rates); // the first is a warm-up
  }
  const rate = median(all.map(({ bridge }) => bridge));
  const publish = median(all.map((rates) => rates.publish));
  const consumes = all.flatMap(({ consume }) => consume ?? []);
  const consume = consumes.length === 0 ? Number.POSITIVE_INFINITY : median(consumes);
  const ceiling =
    consume < publish ? { name: "raw consume", value: consume } : { name: "raw confirmed publish", value: publish };
  const raw = { ...(consumes.length > 0 && { "raw consume": consume }), "raw publish": publish };
  return [
    {
      ...{ row, name, value: rate, unit: "/s", ceiling },
      target: atLeast(rate / ceiling.value, 0.5, "0.5 of the slower"),
      details: { ...raw, ...cpuDetails(all.at(-1)?.cpu, bench.sizes.brokerEvents) },
    },
  ];
}

interface Ends {
  readonly scratch: Scratch;
  readonly server: Server;
  readonly pair: Pair;
  /** Where the raw client publishes to. */
  readonly target: Place;
}

async function measureOnce(bench: Bench, { scratch, server, pair, target }: Ends): Promise<Rates> {
  const { brokerEvents: events } = bench.sizes;
  const carried = which(bench, events, SINGLE.dataBytes);
  const bridge = await Bridge.open(scratch, server, pair);
  try {
    await bridge.fill(carried);
    const consume = await bridge.consumeRaw(events);
    const { rate: publish } = await scratch.raw.call("publish", { ...target, ...carried });
    const { rate, cpu } = await bridge.carry(events);
    await bridge.verify(carried);
    return { bridge: rate, consume, publish, cpu };
  } finally {
    await bridge.remove();
  }
}
