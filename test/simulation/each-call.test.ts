/**
 * One fault in each place: every call that a run makes of store and transport fails once, and the process crashes once
 * before it takes effect and once before its answer.
 */
import { describe, expect, it } from "vitest";
import { simulate } from "./simulation.ts";

/** Runs of a few hundred calls, which together make all those that matter. */
const RUNS = [178, 259] as const;
const CALLS = [
  ...["store.park", "store.reschedule", "store.complete", "store.deadLetter", "store.forwarded", "store.leaseDue"],
  ...["store.counts", "store.list", "store.redrive", "store.discard", "store.putResource", "store.resources"],
  ...["transport.publish", "transport.provision", "transport.createGroup", "transport.place", "transport.stats"],
];
const VERDICTS = ["fail", "crash before", "crash after"] as const;
const PATIENCE = 120_000;

function runWith(seed: number, number: number, verdict: (typeof VERDICTS)[number]) {
  return simulate({ seed, faults: { kind: "call", number, verdict } });
}

describe("the engine outlasts", () => {
  it.each(VERDICTS)("%s, at each call", { timeout: PATIENCE }, async (verdict) => {
    const made = new Set<string>();
    for (const seed of RUNS) {
      const { calls } = await runWith(seed, 0, verdict);
      for (const call of calls.keys()) made.add(call);
      const count = [...calls.values()].reduce((sum, times) => sum + times, 0);
      for (let number = 1; number <= count; number++) {
        const { violations } = await runWith(seed, number, verdict);
        expect(violations, `seed ${seed}, call ${number}`).toEqual([]);
      }
    }
    expect(CALLS.filter((call) => !made.has(call))).toEqual([]);
  });
});
