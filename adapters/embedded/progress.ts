/**
 * Writes down the positions of groups. A group that moved by a settlement is durable within `POSITION_FLUSH_MS`, with
 * its state of the moment at which its commit is sent; one that only passed over events within `SKIP_FLUSH_MS`. All
 * groups of the transport share one operation, and one is under way at most, so a group's rows are written in order.
 * A thousand groups that passed over the same events are one statement, or they would cost more than the events.
 * A failed operation is repeated until it succeeds or the transport is closed: what is lost by a crash before that is
 * redelivered.
 */
import { LOG_RETRY_MS, PASSED_GROUPS_MAX, POSITION_FLUSH_MS, PROGRESS_ROWS_MAX } from "../../src/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { sleep } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Database } from "../../src/sqlite/database.ts";
import type { Group } from "./group.ts";
import type { GroupProgress, PassedGroups, Progress as ProgressRows } from "./sql/groups.ts";

export class Progress {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #moved = new Set<Group>();
  readonly #passed = new Set<Group>();
  readonly #stop = new AbortController();
  /** The groups of the operation that was sent. */
  readonly #underWay = new Set<Group>();
  #flushing: Promise<void> | undefined;
  #round: Promise<void> | undefined;

  constructor(database: Database, clock: Clock, logger: Logger) {
    this.#database = database;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** On the path of every settlement. */
  mark(group: Group): void {
    if (group.isDeleted || this.#stop.signal.aborted) return;
    this.#moved.add(group);
    this.#flushing ??= this.#flush();
  }

  /** The same for one that only passed over events. */
  markPassed(group: Group): void {
    if (group.open.size > 0 || this.#moved.has(group)) {
      this.mark(group);
      return;
    }
    if (group.isDeleted || this.#stop.signal.aborted) return;
    this.#passed.add(group);
    this.#flushing ??= this.#flush();
  }

  forget(group: Group): void {
    this.#moved.delete(group);
    this.#passed.delete(group);
  }

  /** Resolves when the position that the group has now is durable, or when no more is tried. */
  async flushed(group: Group): Promise<void> {
    while (this.#isOwed(group) && !this.#stop.signal.aborted) await this.#round;
  }

  /** Resolves when nothing is left to write down; endless while groups move. */
  async drained(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
  }

  /** Gives up what could not be written down by now. */
  close(): void {
    this.#stop.abort();
  }

  #isOwed(group: Group): boolean {
    return this.#moved.has(group) || this.#passed.has(group) || this.#underWay.has(group);
  }

  async #flush(): Promise<void> {
    while (this.#moved.size + this.#passed.size > 0 && !this.#stop.signal.aborted) {
      this.#round = this.#writeOnce();
      await this.#round;
    }
    this.#flushing = undefined;
  }

  async #writeOnce(): Promise<void> {
    try {
      await this.#database.writeLazily("embedded.progress", POSITION_FLUSH_MS, () => ({ payload: this.#take() }));
    } catch (error) {
      this.#logger.warn({ err: error }, "positions could not be written down; it is tried again");
      for (const group of this.#underWay) if (!group.isDeleted) this.#moved.add(group);
      await sleep(this.#clock, LOG_RETRY_MS, this.#stop.signal);
    } finally {
      this.#underWay.clear();
    }
  }

  #take(): ProgressRows {
    const moved: GroupProgress[] = [];
    for (const group of this.#moved) {
      if (moved.length === PROGRESS_ROWS_MAX) break;
      this.#moved.delete(group);
      this.#underWay.add(group);
      moved.push(group.progress());
    }
    return { moved, passed: this.#takePassed() };
  }

  #takePassed(): PassedGroups[] {
    const idsByNext = new Map<number, number[]>();
    let count = 0;
    for (const group of this.#passed) {
      if (count === PASSED_GROUPS_MAX) break;
      count += 1;
      this.#passed.delete(group);
      if (group.open.size > 0) {
        this.#moved.add(group); // it was handed something meanwhile, which its row must say
        continue;
      }
      this.#underWay.add(group);
      const next = group.pass();
      const ids = idsByNext.get(next);
      if (ids === undefined) idsByNext.set(next, [group.id]);
      else ids.push(group.id);
    }
    return [...idsByNext].map(([next, ids]) => ({ next, groups: JSON.stringify(ids) }));
  }
}
