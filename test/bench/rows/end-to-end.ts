/** Publishing over HTTP until the webhook has it, at saturation and at fixed rates. */
import { type Bench, cpuPerEvent, type EndToEnd } from "../harness/bench.ts";
import { atLeast, atMost, type Measurement, median } from "../harness/measurement.ts";
import { Server } from "../harness/server.ts";
import { requireAll } from "./delivery.ts";
import { refuseRefusals } from "./publish.ts";

const TOPIC = "orders";
const CONNECTIONS = 64;
/** The rate at which the published figures of peers were taken. */
const PEERS_RATE = 2_200;

export async function endToEnd(bench: Bench): Promise<readonly Measurement[]> {
  await using server = await Server.start();
  await server.createTopic(TOPIC);
  await server.subscribe({ id: "webhook", topic: TOPIC, sink: bench.sinkUrl });
  const saturated = await saturate(bench, server);
  const peers = await latencyAt(bench, server, PEERS_RATE);
  return [
    ...saturated.lines,
    ...(await latencyAt(bench, server, saturated.rate / 2)).lines,
    ...peers.lines.map((line) => ({ ...line, target: atMost(peers.p99, 4, "4 ms") })),
  ];
}

async function saturate(bench: Bench, server: Server): Promise<{ rate: number; lines: readonly Measurement[] }> {
  const results: EndToEnd[] = [];
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    results.push(await carry(bench, server, { target: server.target(TOPIC), connections: CONNECTIONS }));
  }
  const rate = median(results.map((result) => result.rate));
  const [publishRate = Number.NaN, deliveryRate = Number.NaN] = ["publish", "delivery"].map((row) =>
    bench.rates.get(row),
  );
  const composed = 1 / (1 / publishRate + 1 / deliveryRate);
  const last = results.at(-1);
  const cpu = last === undefined ? undefined : cpuPerEvent(last.cpu, last.received.distinct);
  return {
    rate,
    lines: [
      {
        row: "end-to-end",
        name: "publish → webhook, 64 connections",
        value: rate,
        unit: "/s",
        ceiling: { name: "1/(1/publish + 1/delivery)", value: composed },
        target: atLeast(rate, Math.max(20_000, composed / 2), "0.5 of that, and 20,000"),
        details: {
          "p50 ms": (last?.received.latency.p50 ?? 0) / 1_000,
          "p99 ms": (last?.received.latency.p99 ?? 0) / 1_000,
        },
      },
      {
        row: "end-to-end",
        name: "CPU per event, publish → webhook",
        value: cpu?.total ?? Number.NaN,
        unit: "µs",
        ...(cpu === undefined ? {} : { details: cpu.details }),
      },
    ],
  };
}

async function latencyAt(
  bench: Bench,
  server: Server,
  rate: number,
): Promise<{ p99: number; lines: readonly Measurement[] }> {
  const bare: number[] = [];
  const real: number[] = [];
  let details = {};
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    const load = { connections: CONNECTIONS * 2, rate };
    const ceiling = await bench.publish({ ...load, target: bench.bareTarget });
    bare.push(ceiling.load.latency.p99 / 1_000);
    const { received, published } = await carry(bench, server, { ...load, target: server.target(TOPIC) });
    real.push(received.latency.p99 / 1_000);
    details = {
      p50: received.latency.p50 / 1_000,
      "bare p50": ceiling.load.latency.p50 / 1_000,
      "202 p99": published.latency.p99 / 1_000,
      "lag p99": published.lag.p99 / 1_000,
    };
  }
  const p99 = median(real);
  const name = `publish → webhook p99 at ${Math.round(rate).toLocaleString("en-US")}/s`;
  const ceiling = { name: "bare node:http, to its 202", value: median(bare) };
  return { p99, lines: [{ row: "end-to-end", name, value: p99, unit: "ms", ceiling, details }] };
}

async function carry(bench: Bench, server: Server, load: Parameters<Bench["publishAndReceive"]>[0]): Promise<EndToEnd> {
  const result = await bench.publishAndReceive(load, server);
  refuseRefusals(result.published.refused);
  requireAll(result.received, result.published.events);
  return result;
}
