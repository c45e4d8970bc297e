/** A thousand subscriptions of which one matches, beside one subscription: what an event costs that concerns few. */
import { type Bench, cpuPerEvent } from "../harness/bench.ts";
import { atMost, type Measurement, median } from "../harness/measurement.ts";
import { ATTRIBUTES } from "../harness/message.ts";
import { Server } from "../harness/server.ts";
import { requireAll } from "./delivery.ts";

const OTHERS = 999;
/** Far from saturation, so that batching, which load changes, is the same on both sides. */
const RATE = 4_000;
const ROUNDS_TIMES = 3;

export async function subscriptions(bench: Bench): Promise<readonly Measurement[]> {
  await using alone = await serverWith(bench, 0);
  await using crowded = await serverWith(bench, OTHERS);
  const aloneCosts: number[] = [];
  const crowdedCosts: number[] = [];
  for (let round = 0; round < bench.sizes.rounds * ROUNDS_TIMES; round += 1) {
    aloneCosts.push(await costOf(bench, alone));
    crowdedCosts.push(await costOf(bench, crowded));
  }
  const cost = median(crowdedCosts);
  const aloneCost = median(aloneCosts);
  return [
    {
      row: "subscriptions",
      name: `CPU per event, 1,000 subscriptions of which 1 matches, ${RATE.toLocaleString("en-US")}/s`,
      value: cost,
      unit: "µs",
      ceiling: { name: "one subscription", value: aloneCost },
      target: atMost(cost / aloneCost, 1.1, "1.10"),
    },
  ];
}

async function serverWith(bench: Bench, others: number): Promise<Server> {
  const server = await Server.start();
  await server.createTopic("orders");
  const sink = bench.sinkUrl;
  await server.subscribe({ id: "matching", topic: "orders", sink, types: [ATTRIBUTES.type] });
  for (let index = 0; index < others; index += 1) {
    await server.subscribe({ id: `other-${index}`, topic: "orders", sink, types: [`com.example.other.${index}`] });
  }
  return server;
}

/** Microseconds of CPU for each event that was published and delivered. */
async function costOf(bench: Bench, server: Server): Promise<number> {
  const { published, received, cpu } = await bench.publishAndReceive(
    { target: server.target("orders"), connections: 64, rate: RATE },
    server,
  );
  requireAll(received, published.events);
  return cpuPerEvent(cpu, published.events).total;
}
