/** Publishing new events to a topic with `dedupe`, beside one without it on the same server. */
import { type Bench, cpuPerEvent } from "../harness/bench.ts";
import { atLeast, type Measurement, median } from "../harness/measurement.ts";
import { type MessageShape, SINGLE } from "../harness/message.ts";
import { Server } from "../harness/server.ts";
import { refuseRefusals } from "./publish.ts";

const BATCH: MessageShape = { mode: "batch", events: 100, dataBytes: SINGLE.dataBytes };
/** Rounds are short and many: what differs is small, and machines are uneven. */
const PAIRS_A_ROUND = 3;

export async function dedupe(bench: Bench): Promise<readonly Measurement[]> {
  await using server = await Server.start();
  await server.createTopic("plain");
  await server.createTopic("careful", { dedupe: { window: "10m" } });
  return [
    ...(await compare(bench, server, { name: "publish with dedupe", shape: SINGLE, connections: 64, share: 0.8 })),
    ...(await compare(bench, server, { name: "batches of 100 with dedupe", shape: BATCH, connections: 8, share: 0.7 })),
  ];
}

interface Load {
  readonly name: string;
  readonly shape: MessageShape;
  readonly connections: number;
  /** The least of the rate without `dedupe`. */
  readonly share: number;
}

async function compare(bench: Bench, server: Server, load: Load): Promise<readonly Measurement[]> {
  const plain: Figures[] = [];
  const careful: Figures[] = [];
  for (let pair = 0; pair < bench.sizes.rounds * PAIRS_A_ROUND; pair += 1) {
    plain.push(await measure(bench, server, "plain", load));
    careful.push(await measure(bench, server, "careful", load));
  }
  const rate = median(careful.map((one) => one.rate));
  const plainRate = median(plain.map((one) => one.rate));
  const cpu = median(careful.map((one) => one.cpu));
  return [
    {
      row: "dedupe",
      name: load.name,
      value: rate,
      unit: "/s",
      ceiling: { name: "without", value: plainRate },
      target: atLeast(rate / plainRate, load.share, `${load.share} of without`),
    },
    {
      row: "dedupe",
      name: `CPU per event, ${load.name}`,
      value: cpu,
      unit: "µs",
      ceiling: { name: "without", value: median(plain.map((one) => one.cpu)) },
      details: {
        main: median(careful.map((one) => one.main)),
        "main without": median(plain.map((one) => one.main)),
      },
    },
  ];
}

/** Events a second, and microseconds an event. */
interface Figures {
  readonly rate: number;
  readonly cpu: number;
  readonly main: number;
}

async function measure(bench: Bench, server: Server, topic: string, load: Load): Promise<Figures> {
  const { shape, connections } = load;
  const { load: result, cpu } = await bench.publish({ target: server.target(topic), shape, connections }, server);
  refuseRefusals(result.refused);
  if (cpu === undefined) throw new Error("no CPU time was measured");
  const { total, details } = cpuPerEvent(cpu, result.events);
  return { rate: result.events / result.seconds, cpu: total, main: details.main ?? Number.NaN };
}
