/** Publishing without subscribers: each 202 means that the event is on disk. */
import { type Bench, cpuPerEvent } from "../harness/bench.ts";
import { atLeast, atMost, type Measurement, median } from "../harness/measurement.ts";
import { type MessageShape, SINGLE } from "../harness/message.ts";
import { Server } from "../harness/server.ts";

const BATCH_EVENTS = 100;
const BATCH: MessageShape = { mode: "batch", events: BATCH_EVENTS, dataBytes: SINGLE.dataBytes };
const BATCH_CONNECTIONS = 8;
const CONNECTIONS = 64;

export async function publish(bench: Bench): Promise<readonly Measurement[]> {
  await using server = await Server.start();
  await server.createTopic("publish");
  const few = await compare(bench, server, SINGLE, CONNECTIONS);
  bench.rates.set("publish", few.rate);
  const many = await compare(bench, server, SINGLE, 256);
  return [
    {
      ...lineOf(few, "publish, 64 connections"),
      target: atLeast(few.rate / few.bareRate, 0.6, "0.6 of bare"),
    },
    lineOf(many, "publish, 256 connections"),
    { row: "publish", name: "CPU per event, publish", value: few.cpu.total, unit: "µs", details: few.cpu.details },
    ...(await latency(bench, server, few.rate / 2)),
  ];
}

export async function structured(bench: Bench): Promise<readonly Measurement[]> {
  await using server = await Server.start();
  await server.createTopic("publish");
  const result = await compare(bench, server, { ...SINGLE, mode: "structured" }, CONNECTIONS);
  return [{ ...lineOf(result, "publish structured, 64 connections"), row: "structured" }];
}

export async function batch(bench: Bench): Promise<readonly Measurement[]> {
  await using server = await Server.start();
  await server.createTopic("publish");
  const single = await bench.publish({ target: bench.bareTarget, connections: CONNECTIONS });
  const bareSingleRate = single.load.events / single.load.seconds;
  const result = await compare(bench, server, BATCH, BATCH_CONNECTIONS);
  const bound = Math.min(100_000, (100_000 / 60_000) * bareSingleRate);
  return [
    {
      ...lineOf(result, "publish batches of 100, 8 connections"),
      row: "batch",
      target: atLeast(
        result.rate,
        bound,
        `${Math.round(bound).toLocaleString("en-US")} (100,000 where bare does 60,000)`,
      ),
    },
  ];
}

interface Comparison {
  /** Events a second. */
  readonly rate: number;
  readonly bareRate: number;
  readonly cpu: ReturnType<typeof cpuPerEvent>;
}

/** Bare server and Pulsebus in turn. */
async function compare(bench: Bench, server: Server, shape: MessageShape, connections: number): Promise<Comparison> {
  const rates: number[] = [];
  const bareRates: number[] = [];
  let cpu: Comparison["cpu"] | undefined;
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    const bare = await bench.publish({ target: bench.bareTarget, shape, connections });
    bareRates.push(bare.load.events / bare.load.seconds);
    const real = await bench.publish({ target: server.target("publish"), shape, connections }, server);
    rates.push(real.load.events / real.load.seconds);
    refuseRefusals(real.load.refused);
    if (real.cpu !== undefined) cpu = cpuPerEvent(real.cpu, real.load.events);
  }
  return { rate: median(rates), bareRate: median(bareRates), cpu: cpu ?? { total: Number.NaN, details: {} } };
}

function lineOf({ rate, bareRate }: Comparison, name: string): Measurement {
  return { row: "publish", name, value: rate, unit: "/s", ceiling: { name: "bare node:http", value: bareRate } };
}

async function latency(bench: Bench, server: Server, rate: number): Promise<readonly Measurement[]> {
  const bare: number[] = [];
  const real: number[] = [];
  let details = {};
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    const load = { connections: CONNECTIONS * 2, rate };
    const ceiling = await bench.publish({ ...load, target: bench.bareTarget });
    bare.push(ceiling.load.latency.p99 / 1_000);
    const { load: measured } = await bench.publish({ ...load, target: server.target("publish") });
    real.push(measured.latency.p99 / 1_000);
    details = {
      p50: measured.latency.p50 / 1_000,
      "bare p50": ceiling.load.latency.p50 / 1_000,
      "lag p99": measured.lag.p99 / 1_000,
    };
  }
  const value = median(real);
  const ceiling = median(bare);
  return [
    {
      row: "publish",
      name: `publish p99 at half of that, ${Math.round(rate).toLocaleString("en-US")}/s`,
      value,
      unit: "ms",
      ceiling: { name: "bare node:http", value: ceiling },
      target: atMost(value, 3 * ceiling, "3 × bare"),
      details,
    },
  ];
}

/** A rate with refusals in it is none. */
export function refuseRefusals(refused: Readonly<Record<number, number>>): void {
  const statuses = Object.entries(refused).map(([status, count]) => `${count} × ${status}`);
  if (statuses.length > 0) throw new Error(`publishes were refused: ${statuses.join(", ")}`);
}
