/** The simulation can fail: it finds each bug that is planted, and says with which seed. */
import { describe, expect, it } from "vitest";
import { DEFECTS } from "./defects.ts";
import { type Report, simulate } from "./simulation.ts";

const SEEDS = 200;
const PATIENCE = 120_000;

async function firstFailure(name: string): Promise<Report | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulate({ seed, defect: DEFECTS[name] ?? {} });
    if (report.violations.length > 0) return report;
  }
  return undefined;
}

describe("the simulation finds a planted bug", () => {
  it.each(Object.keys(DEFECTS))("%s", { timeout: PATIENCE }, async (name) => {
    const found = await firstFailure(name);
    expect(found?.seed, `not within ${SEEDS} seeds`).toBeDefined();
    process.stdout.write(`${name}: seed ${found?.seed}, after ${found?.seed} runs: ${found?.violations[0]}\n`);
    const again = await simulate({ seed: found?.seed ?? 0, defect: DEFECTS[name] ?? {} });
    expect([again.digest, again.violations]).toEqual([found?.digest, found?.violations]);
    expect((await simulate({ seed: found?.seed ?? 0 })).violations, "the same seed without the bug").toEqual([]);
  });
});
