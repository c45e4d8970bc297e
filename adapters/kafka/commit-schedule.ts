/** When the offsets of a group are committed: soon after an ack, later after passing, one request at a time, and at the end. */
import type { Clock } from "../../src/runtime/clock.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import { LIMITS } from "./limits.ts";
import type { Member } from "./member.ts";
import type { Note } from "./note.ts";
import type { Partition } from "./partition.ts";

export interface CommitOptions {
  readonly clock: Clock;
  readonly partitions: ReadonlyMap<number, Partition>;
  /** Undefined while there is none that may commit. */
  readonly member: () => Member | undefined;
}

export class CommitSchedule {
  readonly #options: CommitOptions;
  #cancelTimer: (() => void) | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: CommitOptions) {
    this.#options = options;
  }

  /** Something may have moved. */
  schedule(): void {
    if (this.#isClosed) return;
    let delayMs: number = Number.POSITIVE_INFINITY;
    for (const { moved } of this.#options.partitions.values()) {
      if (moved === "acked") delayMs = LIMITS.commitMs;
      else if (moved === "passed") delayMs = Math.min(delayMs, LIMITS.passMs);
    }
    if (delayMs !== Number.POSITIVE_INFINITY) this.#scheduleIn(delayMs);
  }

  /** Resolves when no commit is under way. */
  idle(): Promise<void> {
    return this.#running;
  }

  /** Commits all partitions. Rejects when that is not known to be done. */
  async now(state: Note["state"]): Promise<void> {
    await this.#commit([...this.#options.partitions.values()], state);
  }

  /** The last commit, if the group is to be left as it is. */
  async close(deadline: number, withCommit: boolean): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    const last = this.#running.then(() => (withCommit ? this.now("clean") : undefined));
    await byDeadline(last, deadline, this.#options.clock);
  }

  #scheduleIn(delayMs: number): void {
    const dueAt = this.#options.clock.monotonic() + delayMs;
    if (dueAt >= this.#dueAt) return;
    this.#cancelTimer?.();
    this.#dueAt = dueAt;
    this.#cancelTimer = this.#options.clock.timer(delayMs, () => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#running = this.#running.then(() => this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const moved = [...this.#options.partitions.values()].filter((partition) => partition.moved !== "no");
    try {
      await this.#commit(moved, "used");
    } catch {
      if (!this.#isClosed) this.#scheduleIn(LIMITS.retryMs); // the member tells when its membership is over
    }
  }

  async #commit(partitions: readonly Partition[], state: Note["state"]): Promise<void> {
    const member = this.#options.member();
    if (member === undefined || partitions.length === 0) return;
    const offsets = partitions.map((partition) => [partition, partition.toCommit(state)] as const);
    try {
      await member.commit(offsets.map(([, offset]) => offset));
      for (const [partition, offset] of offsets) partition.confirm(offset);
    } catch (error) {
      for (const [partition] of offsets) partition.reject();
      throw error;
    }
  }
}
