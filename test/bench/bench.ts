/**
 * `npm run bench`: what Pulsebus does on this machine, each figure beside what is at best possible there, measured in the
 * same run. `--brokers` runs the rows that need brokers instead, `--rows publish,delivery` some rows, `--quick` is for a
 * look, `--json` prints data.
 */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { Bench, FULL, QUICK } from "./harness/bench.ts";
import { readConditions } from "./harness/conditions.ts";
import type { Measurement, Skipped } from "./harness/measurement.ts";
import { describeConditions, describeMeasurements } from "./harness/report.ts";
import { bridgeMemory } from "./rows/brokers/bridge-memory.ts";
import { bridgeRate } from "./rows/brokers/bridge-rate.ts";
import { brokerConsume } from "./rows/brokers/consume.ts";
import { brokerPublish } from "./rows/brokers/publish.ts";
import { pubsub } from "./rows/brokers/pubsub.ts";
import { dedupe } from "./rows/dedupe.ts";
import { delivery } from "./rows/delivery.ts";
import { endToEnd } from "./rows/end-to-end.ts";
import { filters } from "./rows/filters.ts";
import { isolation } from "./rows/isolation.ts";
import { memory } from "./rows/memory.ts";
import { ordering } from "./rows/ordering.ts";
import { batch, publish, structured } from "./rows/publish.ts";
import { refusals } from "./rows/refusals.ts";
import { schedule } from "./rows/schedule.ts";
import { start } from "./rows/start.ts";
import { subscriptions } from "./rows/subscriptions.ts";

type Line = Measurement | Skipped;
type Row = (bench: Bench) => Promise<readonly Line[]>;

/** In the order in which they run: `end-to-end` is compared with `publish` and `delivery`. */
const CORE_ROWS = new Map<string, Row>([
  ["start", start],
  ["publish", publish],
  ["structured", structured],
  ["batch", batch],
  ["dedupe", dedupe],
  ["delivery", delivery],
  ["end-to-end", endToEnd],
  ["subscriptions", subscriptions],
  ["filters", filters],
  ["refusals", refusals],
  ["ordering", ordering],
  ["isolation", isolation],
  ["schedule", schedule],
  ["memory", memory],
]);
const BROKER_ROWS = new Map<string, Row>([
  ["publish-nats", (bench) => brokerPublish(bench, "nats")],
  ["publish-amqp", (bench) => brokerPublish(bench, "amqp")],
  ["publish-kafka", (bench) => brokerPublish(bench, "kafka")],
  ["consume-nats", (bench) => brokerConsume(bench, "nats")],
  ["consume-amqp", (bench) => brokerConsume(bench, "amqp")],
  ["consume-kafka", (bench) => brokerConsume(bench, "kafka")],
  ["bridge-nats-kafka", (bench) => bridgeRate(bench, { from: "nats", to: "kafka" })],
  ["bridge-amqp-nats", (bench) => bridgeRate(bench, { from: "amqp", to: "nats" })],
  ["bridge-kafka-amqp", (bench) => bridgeRate(bench, { from: "kafka", to: "amqp" })],
  ["bridge-embedded-nats", (bench) => bridgeRate(bench, { from: "embedded", to: "nats" })],
  ["bridge-memory", bridgeMemory],
  ["pubsub", pubsub],
]);
const ROWS = new Map([...CORE_ROWS, ...BROKER_ROWS]);
const NEEDED: ReadonlyMap<string, readonly string[]> = new Map([["end-to-end", ["publish", "delivery"]]]);
/** A row that takes longer hangs. */
const ROW_TIMEOUT_MS = 10 * 60_000;

const { values: options } = parseArgs({
  options: {
    rows: { type: "string" },
    brokers: { type: "boolean" },
    quick: { type: "boolean" },
    json: { type: "boolean" },
  },
});
const selected = selectRows(options.rows ?? [...(options.brokers === true ? BROKER_ROWS : CORE_ROWS).keys()].join(","));
const sizes = options.quick === true ? QUICK : FULL;
const conditions = readConditions(tmpdir());
const failures: string[] = [];
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await using bench = await Bench.open(sizes);
if (options.json !== true) console.log(describeConditions(conditions, sizes.name));
const measurements = await runRows(selected);
if (options.json === true) console.log(JSON.stringify({ conditions, sizes, measurements, failures }, undefined, 2));
else console.log(`\n${describeMeasurements(measurements)}`);
if (failures.length > 0) process.exit(1); // a row that hangs must not keep the others' results waiting

function selectRows(list: string): ReadonlySet<string> {
  const names = list.split(",");
  const unknown = names.find((name) => !ROWS.has(name));
  if (unknown !== undefined) {
    console.error(`bench: there is no row ${JSON.stringify(unknown)}: there are ${[...ROWS.keys()].join(", ")}`);
    process.exit(2);
  }
  return new Set(names.flatMap((name) => [...(NEEDED.get(name) ?? []), name]));
}

async function runRows(names: ReadonlySet<string>): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const [name, row] of ROWS) {
    if (!names.has(name)) continue;
    try {
      lines.push(...(await within(ROW_TIMEOUT_MS, row(bench))));
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      console.error(failures.at(-1));
    }
  }
  return lines;
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`did not end within ${ms / 60_000} minutes`)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
