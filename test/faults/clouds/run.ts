/**
 * Faults one after the other under steady publishing in two clouds that mirror each other. After each it is waited until
 * all that was owed at its end has arrived; publishing goes on meanwhile.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { Account, type Counts } from "./account.ts";
import { type FaultTimes, faultsOf } from "./faults.ts";
import { type Brokers, idle, openClouds } from "./layout.ts";
import { Traffic } from "./traffic.ts";

export interface CloudsOptions extends FaultTimes {
  readonly brokers: Brokers;
  readonly rounds: number;
  /** Events a second in each cloud. */
  readonly rate: number;
  /** How long it is watched at the end whether anything more comes. */
  readonly quietMs: number;
  readonly onRow: (row: Row) => void;
}

/** What one fault came to. Counts are of its time, in which publishing goes on; `missing` is what was owed at its end. */
export interface Row extends Counts {
  readonly round: number;
  readonly fault: string;
  /** From the end of the fault until all that was owed then had arrived. */
  readonly settledSeconds: number;
}

export interface CloudsReport extends Counts {
  /** Arrivals in the quiet time. */
  readonly late: number;
}

/** Without a fault, so that each begins in full traffic. */
const STEADY_MS = 1_000;
/** Back-off doubles in an outage, so the last wait is about as long as the outage; and a machine may be busy. */
const SETTLE_MS_MIN = 60_000;
const SETTLE_CUTS = 4;

export async function runClouds(options: CloudsOptions): Promise<CloudsReport> {
  await using stack = new AsyncDisposableStack();
  const account = new Account(["eu", "us"]);
  const clouds = await openClouds(options.brokers, account, stack);
  const traffic = clouds.map((cloud) => new Traffic(cloud, account, options.rate));
  const settleMs = SETTLE_MS_MIN + SETTLE_CUTS * options.cutMs;
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { name, run } of faultsOf(clouds, options)) {
      await sleep(STEADY_MS);
      const before = account.counts;
      await run(round);
      const settled = await settle(account, settleMs);
      options.onRow({ round, fault: name, ...since(before, account.counts), ...settled });
    }
  }
  await Promise.all(traffic.map((one) => one.stop()));
  await settle(account, settleMs);
  await idle(clouds, settleMs);
  const { arrived, duplicates } = account.counts;
  await sleep(options.quietMs);
  const counts = account.counts;
  return { ...counts, late: counts.arrived + counts.duplicates - arrived - duplicates };
}

/** Waits until all that is owed now has arrived; what does not come in time is missing. */
async function settle(account: Account, withinMs: number): Promise<Pick<Row, "settledSeconds" | "missing">> {
  const began = performance.now();
  const owed = new Set(account.owed());
  await eventually(() => {
    for (const id of owed) if (!account.isOwed(id)) owed.delete(id);
    if (owed.size > 0) throw new Error(`${owed.size} events are owed`);
  }, withinMs).catch(() => {});
  return { settledSeconds: (performance.now() - began) / 1_000, missing: owed.size };
}

function since(before: Counts, after: Counts): Omit<Counts, "missing"> {
  return {
    published: after.published - before.published,
    arrived: after.arrived - before.arrived,
    changed: after.changed - before.changed,
    duplicates: after.duplicates - before.duplicates,
  };
}
