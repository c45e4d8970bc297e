/**
 * `npm run faults:pause -- [--seconds 120]`: on each of the four brokers a paused subscription, one that is limited to an
 * event a second, and one whose sink takes a second for each, for two minutes. It fails when a broker delivered anything again meanwhile, or when anything is lost or
 * arrives twice. The brokers are instances of its own.
 */
import { parseArgs } from "node:util";
import { type PauseRow, runPause } from "./pause/run.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "120" } } });
const seconds = Number(values.seconds);
const COLUMNS = [...["published", "watched", "meanwhile", "redelivered", "handed back", "lost", "duplicates"]] as const;
const WIDTH = 13;
/** Of the events, the least share that the tap has to see for its word to count. */
const WATCHED_SHARE_MIN = 0.95;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

// The brokers watch for the end of this process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

let isFine = true;
print(`broker      subscription${COLUMNS.map((name) => name.padStart(WIDTH)).join("")}`);
await runPause({
  seconds,
  onRow(row) {
    print(lineOf(row));
    isFine &&= row.redelivered + row.lost + row.duplicates === 0;
    isFine &&= row.watched >= WATCHED_SHARE_MIN * row.published;
    isFine &&= row.subscription === "paused" || row.meanwhile >= seconds / 2; // else it showed nothing
  },
});
print(isFine ? "\nnothing was redelivered meanwhile, and nothing is lost" : "\nNOT as it should be");
process.exitCode = isFine ? 0 : 1;

function lineOf(row: PauseRow): string {
  const { published, watched, meanwhile, redelivered, handedBack, lost, duplicates } = row;
  const numbers = [published, watched, meanwhile, redelivered, handedBack, lost, duplicates];
  return `${row.broker.padEnd(12)}${row.subscription.padEnd(12)}${numbers.map((n) => `${n}`.padStart(WIDTH)).join("")}`;
}
