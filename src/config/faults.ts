/** Collects the faults of one stage, so that a user sees all of them and not one a run. */
import { PulsebusError } from "../errors.ts";
import { CONFIG_FAULTS_MAX } from "../limits.ts";

export class Faults {
  readonly #found: PulsebusError[] = [];

  add(...faults: readonly PulsebusError[]): void {
    this.#found.push(...faults);
  }

  /** The answer of `action`, or undefined when it threw a `PulsebusError`, which is kept. */
  attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof PulsebusError)) throw error;
      this.add(error);
      return undefined;
    }
  }

  /** `attempt` for what takes time. */
  async attemptAsync(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof PulsebusError)) throw error;
      this.add(error);
    }
  }

  /** `attempt` where a number is needed to go on: NaN when it failed, which no comparison holds for. */
  number(action: () => number): number {
    return this.attempt(action) ?? Number.NaN;
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  /** One `invalid-configuration` with a line for each fault, in the order of the file. `locate` tells where a pointer is. */
  toError(locate: (at: string) => string): PulsebusError {
    const found = this.#found.map(({ at, message }) => (at === undefined ? message : `${locate(at)}: ${message}`));
    // Both directions of a bridge have the same fault.
    const lines = [...new Set(found)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const more = lines.length - CONFIG_FAULTS_MAX;
    if (more > 0) lines.splice(CONFIG_FAULTS_MAX, more, `and ${more} more`);
    return new PulsebusError("invalid-configuration", lines.join("\n"));
  }
}
