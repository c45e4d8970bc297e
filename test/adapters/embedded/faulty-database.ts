/** A real database whose answers a test can hold back, lose, or replace. */
import { PulsebusError } from "../../../src/errors.ts";
import type { Database, DatabaseMetrics, Sealed } from "../../../src/sqlite/database.ts";

/** `refuse`: not done, and said so. `lose`: done, but answered as an I/O error at commit. */
type Fault = "refuse" | "lose";

export class FaultyDatabase implements Database {
  readonly #database: Database;
  readonly #faults = new Map<string, Fault[]>();
  readonly #held = new Map<string, Promise<void>>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The next calls of the operation fail like this, in turn. */
  fail(operation: string, ...faults: Fault[]): void {
    this.#faults.set(operation, faults);
  }

  /** Whether all faults that were set for the operation have happened. */
  hasFailed(operation: string): boolean {
    return this.#faults.get(operation)?.length === 0;
  }

  /** Answers of the operation wait until the function that this gives is called. */
  hold(operation: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(operation, promise);
    return () => {
      this.#held.delete(operation);
      resolve();
    };
  }

  write<Result>(operation: string, seal: () => Sealed): Promise<Result> {
    return this.#answer(operation, seal, () => this.#database.write<Result>(operation, seal));
  }

  writeLazily<Result>(operation: string, withinMs: number, seal: () => Sealed): Promise<Result> {
    return this.#answer(operation, seal, () => this.#database.writeLazily<Result>(operation, withinMs, seal));
  }

  async read<Result>(operation: string, payload: unknown): Promise<Result> {
    return this.#answer(
      operation,
      () => ({ payload }),
      () => this.#database.read<Result>(operation, payload),
    );
  }

  get hasRoom(): boolean {
    return this.#database.hasRoom;
  }

  check(): Promise<void> {
    return this.#database.check();
  }

  get metrics(): DatabaseMetrics {
    return this.#database.metrics;
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #answer<Result>(operation: string, seal: () => Sealed, work: () => Promise<Result>): Promise<Result> {
    const fault = this.#faults.get(operation)?.shift();
    if (fault === "refuse") {
      await Promise.resolve();
      seal(); // its group was sent, and rolled back
      throw new PulsebusError("storage-full", "the disk is full", { retryAfterSeconds: 5 });
    }
    const result = await work();
    if (fault === "lose") throw new PulsebusError("unavailable", "an I/O error at commit");
    await this.#held.get(operation);
    return result;
  }
}
