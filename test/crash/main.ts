/** `npm run crash -- --kills 200 [--seed 1]` */
import { parseArgs } from "node:util";
import { runCrash } from "./run.ts";

const { values } = parseArgs({ options: { kills: { type: "string", default: "200" }, seed: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 100_000);
const print = (text: string): void => void process.stdout.write(`${text}\n`);

// So that nothing is left running.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const report = await runCrash({ kills: Number(values.kills), seed, progress: print });
const { violations, ...figures } = report;
print(`\nseed ${seed}`);
for (const [name, value] of Object.entries(figures)) print(`${name.padEnd(20)} ${value}`);
print(violations.length === 0 ? "\nnothing accepted was lost" : `\n${violations.join("\n")}`);
process.exitCode = violations.length === 0 ? 0 : 1;
