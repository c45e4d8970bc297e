/**
 * `npm run faults:recovery -- [--outages 2,30,120] [--rounds 3]`: how soon publishing and receiving go on after a broker
 * is back, without a restart of the bus. NATS, RabbitMQ and Kafka are killed and started again; then the links to all
 * four are cut. It fails when anything takes longer than five seconds, or is lost. The brokers are instances of its own.
 */
import { parseArgs } from "node:util";
import { type RecoveryRow, runRecovery } from "./recovery/run.ts";

const { values } = parseArgs({
  options: { outages: { type: "string", default: "2,30,120" }, rounds: { type: "string", default: "3" } },
});
const RECOVERY_MS_MAX = 5_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

// The brokers watch for the end of this process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

let isFine = true;
print("broker      fault   outages    publishing: median     max    receiving: median     max    lost");
await runRecovery({
  outageSeconds: values.outages.split(",").map(Number),
  rounds: Number(values.rounds),
  onRow(row) {
    print(lineOf(row));
    isFine &&= row.lost === 0 && row.recoveries.every(({ receiveMs }) => receiveMs <= RECOVERY_MS_MAX);
    isFine &&= row.recoveries.every(({ publishMs }) => publishMs <= RECOVERY_MS_MAX);
  },
});
print(isFine ? "\nall within 5 s of the return, and nothing lost" : "\nNOT as it should be");
process.exitCode = isFine ? 0 : 1;

function lineOf({ broker, fault, recoveries, lost }: RecoveryRow): string {
  const publishing = figuresOf(recoveries.map(({ publishMs }) => publishMs));
  const receiving = figuresOf(recoveries.map(({ receiveMs }) => receiveMs));
  const count = `${recoveries.length}`.padStart(7);
  return `${broker.padEnd(12)}${fault.padEnd(8)}${count}${publishing.padStart(30)}${receiving.padStart(26)}${`${lost}`.padStart(8)}`;
}

function figuresOf(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  return [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
    .map((ms = 0) => `${(ms / 1_000).toFixed(2)} s`.padStart(8))
    .join("");
}
