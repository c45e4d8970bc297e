/** From the start of the process, with an empty data directory, to the first positive answer of `/readyz`. */
import type { Bench } from "../harness/bench.ts";
import { atMost, type Measurement, median } from "../harness/measurement.ts";
import { Server } from "../harness/server.ts";

const TARGET_MS = 700;

export async function start(bench: Bench): Promise<readonly Measurement[]> {
  const times: number[] = [];
  for (let round = 0; round < bench.sizes.starts; round += 1) {
    const startedAt = performance.now();
    await using server = await Server.start();
    await server.ready();
    times.push(performance.now() - startedAt);
  }
  const value = median(times);
  return [
    {
      row: "start",
      name: "time from start to ready",
      value,
      unit: "ms",
      target: atMost(value, TARGET_MS, `${TARGET_MS} ms`),
      details: { fastest: Math.min(...times), slowest: Math.max(...times) },
    },
  ];
}
