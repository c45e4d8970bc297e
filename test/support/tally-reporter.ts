/**
 * Writes one line, `N passed, N failed, N skipped`, to a file: what `.ci/run` ends with. A test file that can't be
 * loaded and an error outside of any test count as failed, since no test reports them.
 */
import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

export class TallyReporter implements Reporter {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      tally.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        tally[state === "pending" ? "skipped" : state] += 1;
      }
    }
    writeFileSync(this.#file, `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`);
  }
}
