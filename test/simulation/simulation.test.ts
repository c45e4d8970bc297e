/**
 * The engine on virtual time: random workloads under random faults, and what has to hold all the while (`ledger.ts`).
 * A seed that fails is told with its trace by `npm run simulate -- --seed N`.
 */
import { describe, expect, it } from "vitest";
import { type Report, simulate } from "./simulation.ts";

const SEEDS = 200;
const PATIENCE = 120_000;

/** What has to have happened somewhere, or the runs prove little. */
const HAPPENED = [
  ...["crash", "ack lost", "session lost", "publish without answer", "event of a batch refused", "receive rejected"],
  ...["store.park: fail", "store.reschedule: fail", "store.complete: fail", "store.deadLetter: fail"],
  ...["store.leaseDue: fail", "store.existing: fail", "store.redrive: fail", "store.forwarded: fail"],
  ...["store.counts: fail", "transport.publish: fail", "transport.place: fail", "transport.createGroup: fail"],
];

describe("the engine in the simulation", () => {
  it(`keeps what it promises through ${SEEDS} seeds`, { timeout: PATIENCE }, async () => {
    const reports: Report[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) reports.push(await simulate({ seed }));
    const failed = reports.filter(({ violations }) => violations.length > 0);
    expect(failed.map(({ seed, violations }) => `seed ${seed}: ${violations[0]}`)).toEqual([]);
    const happened = new Set(
      reports.flatMap(({ faults }) => [...faults].filter(([, count]) => count > 0)).map(([name]) => name),
    );
    expect(HAPPENED.filter((name) => !happened.has(name))).toEqual([]);
    expect(reports.some(({ duplicates }) => duplicates > 0)).toBe(true);
  });

  it("does the same again with the same seed, and something else with another", { timeout: PATIENCE }, async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const [first, second, other] = [
        await simulate({ seed }),
        await simulate({ seed, keepsTrace: true }),
        await simulate({ seed: seed + 1 }),
      ];
      expect(second.digest).toBe(first.digest);
      expect(second.trace.length).toBeGreaterThan(10);
      expect(other.digest).not.toBe(first.digest);
    }
  });
});
