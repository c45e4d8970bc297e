/** `npm run simulate -- --seeds 1000 [--from 1]`, or `--seed 17` for one run with its trace. */
import { parseArgs } from "node:util";
import { type Report, simulate } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
  },
});
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const totals = new Map<string, number>();

function add(name: string, value: number): void {
  totals.set(name, (totals.get(name) ?? 0) + value);
}

function sum({ steps, events, attempts, duplicates, faults }: Report): void {
  for (const [name, value] of Object.entries({ runs: 1, steps, events, attempts, duplicates })) add(name, value);
  for (const [name, count] of faults) add(`fault, ${name}`, count);
}

/** A run that fails is run again for its trace. */
async function tell(seed: number): Promise<void> {
  const { trace, violations } = await simulate({ seed, keepsTrace: true });
  print(trace.join("\n"));
  for (const violation of violations) print(`seed ${seed}: ${violation}`);
}

async function runAll(from: number, count: number): Promise<number> {
  let failed = 0;
  for (let seed = from; seed < from + count; seed++) {
    const report = await simulate({ seed });
    sum(report);
    if (report.violations.length === 0) continue;
    failed += 1;
    print(`seed ${seed}: ${report.violations[0]}   (npm run simulate -- --seed ${seed})`);
  }
  return failed;
}

if (values.seed === undefined) {
  const startedAt = performance.now();
  const failed = await runAll(Number(values.from), Number(values.seeds));
  add("seconds", Math.round((performance.now() - startedAt) / 1_000));
  for (const [name, value] of [...totals].sort()) print(`${name.padEnd(45)} ${value}`);
  print(failed === 0 ? "no violation" : `${failed} seeds failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} else await tell(Number(values.seed));
