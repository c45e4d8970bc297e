/** What happened in a run, line by line: its hash says whether two runs were the same, its lines tell a person. */
import { createHash } from "node:crypto";

export class Trace {
  readonly #hash = createHash("sha256");
  readonly #lines: string[] | undefined;
  readonly #now: () => number;
  readonly #startedAt: number;

  /** @param keepsLines Lines take memory, so they are kept only when the run is to be told. */
  constructor(now: () => number, keepsLines: boolean) {
    this.#now = now;
    this.#startedAt = now();
    this.#lines = keepsLines ? [] : undefined;
  }

  say(line: string): void {
    const told = `${((this.#now() - this.#startedAt) / 1_000).toFixed(3)} ${line}`;
    this.#hash.update(told).update("\n");
    this.#lines?.push(told);
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  digest(): string {
    return this.#hash.copy().digest("hex").slice(0, 16);
  }
}
