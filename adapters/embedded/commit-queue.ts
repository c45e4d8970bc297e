/**
 * All batches on their way to a commit, over all topics: bounds their bytes, keeps the deadlines of their calls with one
 * coarse timer, which runs only while a batch is under way, and tells when the last one is through.
 */
import { COMMIT_QUEUE_BYTES_MAX, DEADLINE_CHECK_MS } from "../../src/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Batch } from "./batch.ts";
import { refusals } from "./faults.ts";

export class CommitQueue {
  readonly #clock: Clock;
  readonly #batches = new Set<Batch>();
  #bytes = 0;
  #timer: (() => void) | undefined;
  #drained: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#bytes >= COMMIT_QUEUE_BYTES_MAX;
  }

  /** A batch grew by `bytes`. */
  grew(batch: Batch, bytes: number): void {
    this.#batches.add(batch);
    this.#bytes += bytes;
    this.#timer ??= this.#clock.timer(DEADLINE_CHECK_MS, () => this.#check());
  }

  done(batch: Batch): void {
    if (!this.#batches.delete(batch)) return;
    this.#bytes -= batch.bytes;
    if (this.#batches.size > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Resolves when no batch is under way. */
  drained(): Promise<void> {
    if (this.#batches.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  close(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #check(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const batch of this.#batches) if (batch.deadline <= now) batch.expire(now, refusals.timeout());
    if (this.#batches.size > 0) this.#timer = this.#clock.timer(DEADLINE_CHECK_MS, () => this.#check());
  }
}
