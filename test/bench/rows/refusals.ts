/** A sink that refuses every twentieth delivery, beside one that is well. */
import type { Bench } from "../harness/bench.ts";
import { atLeast, atMost, type Measurement, median } from "../harness/measurement.ts";
import { Server } from "../harness/server.ts";
import { rateOf } from "./delivery.ts";

const REFUSED_SHARE = 0.05;
/** The rate is taken until most events are there: the last ones only wait for their back-off. */
const MEASURED_SHARE = 0.9;
const RETRY = { maxAttempts: 50, backoff: { initial: "100ms", factor: 2, max: "1s", jitter: "full" } };

export async function refusals(bench: Bench): Promise<readonly Measurement[]> {
  const { rounds } = bench.sizes;
  await using server = await Server.start();
  const healthy: number[] = [];
  const refusing: number[] = [];
  let lost = 0;
  let duplicates = 0;
  let refused = 0;
  for (let round = -1; round < rounds; round += 1) {
    const well = await deliver(bench, server, `well-${round + 1}`, 0);
    const ill = await deliver(bench, server, `ill-${round + 1}`, REFUSED_SHARE);
    if (round === -1) continue; // warm-up
    healthy.push(well.rate);
    refusing.push(ill.rate);
    lost += ill.lost;
    duplicates += ill.duplicates;
    refused += ill.refused;
  }
  const rate = median(refusing);
  const healthyRate = median(healthy);
  return [
    {
      row: "refusals",
      name: "delivery to a sink that refuses 5 %",
      value: rate,
      unit: "/s",
      ceiling: { name: "healthy sink", value: healthyRate },
      target: atLeast(rate / healthyRate, 0.8, "0.8 of healthy"),
      details: { refused, duplicates },
    },
    { row: "refusals", name: "lost by it", value: lost, unit: "events", target: atMost(lost, 0, "0") },
  ];
}

async function deliver(bench: Bench, server: Server, topic: string, refuse: number) {
  const { backlogEvents: events } = bench.sizes;
  await server.createTopic(topic);
  await bench.expect(await bench.fill(server, topic, events), refuse);
  const delivery = { from: "earliest", retry: RETRY };
  await server.subscribe({ id: topic, topic, sink: bench.sinkUrl, delivery });
  const most = await bench.receive(Math.floor(events * MEASURED_SHARE));
  const all = await bench.receive(events);
  await server.unsubscribe(topic);
  return { rate: rateOf(most), lost: events - all.distinct, duplicates: all.duplicates, refused: all.refused };
}
