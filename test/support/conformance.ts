/** The conformance suite of transports as tests, one for each case, with its id in the name. */
import { it } from "vitest";
import { type Harness, runCase } from "../../src/transport/conformance/case.ts";
import { conformanceCases } from "../../src/transport/conformance/cases.ts";

export interface ConformanceOptions {
  /** What a case may take on a machine that does other things as well. */
  readonly timeoutMs: number;
  /** Cases that the server of the tests can't show, by id, each with the reason that is printed. */
  readonly omit?: Readonly<Record<string, string>>;
}

/** Declares the tests in the suite around it. The harness is there once the suite's `beforeAll` has run. */
export function testConformance(harness: () => Harness, { timeoutMs, omit = {} }: ConformanceOptions): void {
  for (const conformanceCase of conformanceCases) {
    const { id, title } = conformanceCase;
    it(`${id}: ${title}`, { timeout: timeoutMs }, async ({ skip }) => {
      if (omit[id] !== undefined) skip(omit[id]);
      if ((await runCase(conformanceCase, harness())) === "skipped") skip("its capability or its harness is not there");
    });
  }
}
