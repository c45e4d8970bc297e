/** A backlog with ten thousand keys: delivered in the order of each key, beside in no order. */
import { type Bench, cpuPerEvent } from "../harness/bench.ts";
import { atLeast, type Measurement, median } from "../harness/measurement.ts";
import { type MessageShape, SINGLE } from "../harness/message.ts";
import { Server } from "../harness/server.ts";
import { rateOf, requireAll } from "./delivery.ts";

const KEYS = 10_000;
const BACKLOG: MessageShape = { mode: "batch", events: 100, dataBytes: SINGLE.dataBytes, keys: KEYS };

export async function ordering(bench: Bench): Promise<readonly Measurement[]> {
  await using server = await Server.start();
  const rates: Record<"key" | "none", number[]> = { key: [], none: [] };
  const costs: Record<"key" | "none", number> = { key: Number.NaN, none: Number.NaN };
  for (let round = -1; round < bench.sizes.rounds; round += 1) {
    for (const order of ["none", "key"] as const) {
      const { rate, cpu } = await deliverBacklog(bench, server, `${order}-${round + 1}`, order);
      if (round === -1) continue; // warm-up
      rates[order].push(rate);
      costs[order] = cpu;
    }
  }
  const rate = median(rates.key);
  const unordered = median(rates.none);
  return [
    {
      row: "ordering",
      name: `delivery in the order of ${KEYS.toLocaleString("en-US")} keys`,
      value: rate,
      unit: "/s",
      ceiling: { name: "in no order", value: unordered },
      target: atLeast(rate / unordered, 0.8, "0.8"),
    },
    {
      row: "ordering",
      name: "CPU per event, delivery in order",
      value: costs.key,
      unit: "µs",
      ceiling: { name: "in no order", value: costs.none },
    },
  ];
}

async function deliverBacklog(bench: Bench, server: Server, topic: string, order: "key" | "none") {
  const events = bench.sizes.backlogEvents;
  await server.createTopic(topic);
  await bench.expect(await bench.fill(server, topic, events, BACKLOG));
  const delivery = { from: "earliest", ordering: order };
  const { result, cpu } = await server.cpuOf(async () => {
    await server.subscribe({ id: topic, topic, sink: bench.sinkUrl, delivery });
    return bench.receive(events);
  });
  requireAll(result, events);
  await server.unsubscribe(topic);
  return { rate: rateOf(result), cpu: cpuPerEvent(cpu, events).total };
}
