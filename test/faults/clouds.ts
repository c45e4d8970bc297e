/**
 * `npm run faults:clouds -- [--rounds 5] [--cut-seconds 60] [--away-seconds 3] [--rate 20] [--us gcp-pubsub|amqp]`:
 * steady publishing through the two clouds of deploy/config while, round after round, either broker is restarted, each
 * link between a bus and a broker is cut, and either bus is killed with -9. It fails unless every event arrived in both
 * clouds, unchanged; duplicates are counted.
 *
 * The Pub/Sub test server keeps what it stores in memory, so it is not restarted: all links to it are cut at once, which
 * is what a client sees of a restarted service that keeps its messages. With `--us amqp` the second cloud lives on
 * RabbitMQ, and both brokers are really restarted.
 */
import { parseArgs } from "node:util";
import { OwnBroker } from "../support/brokers.ts";
import type { Counts } from "./clouds/account.ts";
import type { UsBroker } from "./clouds/layout.ts";
import { runClouds } from "./clouds/run.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    "cut-seconds": { type: "string", default: "60" },
    "away-seconds": { type: "string", default: "3" },
    rate: { type: "string", default: "20" },
    us: { type: "string", default: "gcp-pubsub" },
  },
});
const QUIET_MS = 10_000;
const HEADER = `round  ${"fault".padEnd(46)}   published     arrived     missing     changed  duplicates  settled`;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

// The brokers watch for the end of this process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

process.exitCode = (await run(usBroker(values.us))) ? 0 : 1;

async function run(usKind: UsBroker): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const eu = stack.adopt(new OwnBroker("nats", {}), (broker) => broker.remove());
  const us = stack.adopt(new OwnBroker(usKind, {}), (broker) => broker.remove());
  await Promise.all([eu.create(), us.create()]);
  print(HEADER);
  const { late, ...counts } = await runClouds({
    brokers: { eu, us, usKind },
    rounds: Number(values.rounds),
    rate: Number(values.rate),
    cutMs: Number(values["cut-seconds"]) * 1_000,
    awayMs: Number(values["away-seconds"]) * 1_000,
    quietMs: QUIET_MS,
    onRow: ({ round, fault, settledSeconds, ...counts }) =>
      print(`${lineOf(`${round}`, fault, counts)}${`${settledSeconds.toFixed(1)} s`.padStart(9)}`),
  });
  print(lineOf("", "in all", counts));
  print(`arrived in the ${QUIET_MS / 1_000} s after the last: ${late}`);
  return counts.missing === 0 && counts.changed === 0 && late === 0;
}

function lineOf(round: string, fault: string, counts: Counts): string {
  const { published, arrived, missing, changed, duplicates } = counts;
  const numbers = [published, arrived, missing, changed, duplicates].map((number) => `${number}`.padStart(12));
  return `${round.padStart(5)}  ${fault.padEnd(46)}${numbers.join("")}`;
}

function usBroker(name: string): UsBroker {
  if (name === "gcp-pubsub" || name === "amqp") return name;
  throw new Error(`--us is gcp-pubsub or amqp, not ${name}`);
}
