/** A backlog that one webhook works off, beside undici that sends the same requests to the same sink. */
import { type Bench, cpuPerEvent, DELIVERY_TIMEOUT_MS } from "../harness/bench.ts";
import { atLeast, type Measurement, median } from "../harness/measurement.ts";
import { SINGLE } from "../harness/message.ts";
import { Server } from "../harness/server.ts";
import type { Received } from "../sink.ts";

const CONNECTIONS = 64;

export async function delivery(bench: Bench): Promise<readonly Measurement[]> {
  const { rounds, backlogEvents } = bench.sizes;
  await using server = await Server.start();
  const rates: number[] = [];
  const bareRates: number[] = [];
  let cpu = cpuPerEvent({ total: Number.NaN, main: Number.NaN, others: {} }, 1);
  let bareCpu = Number.NaN;
  for (let round = -1; round < rounds; round += 1) {
    const bare = await deliverBare(bench, backlogEvents);
    const real = await deliverBacklog(bench, server, `backlog-${round + 1}`, backlogEvents);
    if (round === -1) continue; // warm-up
    bareRates.push(rateOf(bare.received));
    rates.push(rateOf(real.received));
    ({ cpu } = real);
    bareCpu = bare.cpuMicros;
  }
  const rate = median(rates);
  const bareRate = median(bareRates);
  bench.rates.set("delivery", rate);
  return [
    {
      row: "delivery",
      name: `delivery of a backlog of ${backlogEvents.toLocaleString("en-US")}`,
      value: rate,
      unit: "/s",
      ceiling: { name: "bare undici", value: bareRate },
      target: atLeast(rate / bareRate, 0.6, "0.6 of bare"),
    },
    {
      row: "delivery",
      name: "CPU per event, delivery",
      value: cpu.total,
      unit: "µs",
      ceiling: { name: "bare undici", value: bareCpu },
      details: cpu.details,
    },
  ];
}

export async function deliverBare(bench: Bench, events: number): Promise<{ received: Received; cpuMicros: number }> {
  const run = await bench.expect();
  const { sinkPort: port } = bench;
  const options = { port, run, events, connections: CONNECTIONS, dataBytes: SINGLE.dataBytes };
  const cpuMicros = await bench.bareClient.call("deliver", options);
  return { received: await bench.receive(events), cpuMicros };
}

async function deliverBacklog(bench: Bench, server: Server, topic: string, events: number) {
  await server.createTopic(topic);
  await bench.expect(await bench.fill(server, topic, events));
  const { result, cpu } = await server.cpuOf(async () => {
    await server.subscribe({ id: topic, topic, sink: bench.sinkUrl, delivery: { from: "earliest" } });
    return bench.receive(events);
  });
  requireAll(result, events);
  return { received: result, cpu: cpuPerEvent(cpu, events) };
}

/** Deliveries a second, from the first to the last one. */
export function rateOf({ distinct, firstAtMicros, lastAtMicros }: Received): number {
  return distinct / ((lastAtMicros - firstAtMicros) / 1_000_000);
}

export function requireAll({ distinct }: Received, events: number): void {
  if (distinct >= events) return;
  throw new Error(
    `${events - distinct} of ${events} events were not delivered within ${DELIVERY_TIMEOUT_MS / 1_000} s`,
  );
}
