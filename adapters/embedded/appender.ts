/**
 * HOT PATH. Stores the events of one topic. The first event of a batch registers one write; whatever is published until
 * that write's group is sent goes into the same batch. After the commit the topic is told, then the callers.
 */
import type { Event } from "../../src/event/event.ts";
import { recordBytes } from "../../src/event/record.ts";
import { EVENT_BYTES_MAX } from "../../src/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Database } from "../../src/sqlite/database.ts";
import type { PublishResult } from "../../src/transport/port.ts";
import { Batch } from "./batch.ts";
import type { BufferPool } from "./block.ts";
import { allStored, Call, isText } from "./call.ts";
import type { CommitQueue } from "./commit-queue.ts";
import { appendFailure } from "./faults.ts";
import type { Appended } from "./sql/append.ts";

export interface AppenderOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly buffers: BufferPool;
  readonly commitQueue: CommitQueue;
}

/** The topic that the events belong to. */
export interface AppendTarget {
  readonly id: number;
  readonly newestAt: number | undefined;
  /** Undefined: whatever comes is stored. */
  readonly dedupeWindowMs: number | undefined;
  committed(batch: Batch, appended: Appended): void;
}

export class Appender {
  readonly #target: AppendTarget;
  readonly #options: AppenderOptions;
  #collecting: Batch | undefined;

  constructor(target: AppendTarget, options: AppenderOptions) {
    this.#target = target;
    this.#options = options;
  }

  append(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    return new Promise((resolve) => {
      const call = new Call(events, deadline, resolve);
      const batch = this.#collecting ?? new Batch(this.#options.buffers);
      const bytesBefore = batch.bytes;
      let index = 0;
      for (const event of events) {
        const bytes = recordBytes(event);
        // A record is larger than its event on any wire, so a small one needs no closer look.
        const isSuspect = bytes > EVENT_BYTES_MAX || call.hasRefusals || !isText(event);
        if (!isSuspect || !call.refuses(index, event, EVENT_BYTES_MAX)) {
          batch.add(event, bytes);
          call.accepted += 1;
        }
        index += 1;
      }
      if (call.accepted === 0) return call.stored(allStored(this.#target.id, 0), 0);
      batch.addCall(call);
      this.#options.commitQueue.grew(batch, batch.bytes - bytesBefore);
      if (this.#collecting === undefined) this.#send(batch);
    });
  }

  #send(batch: Batch): void {
    this.#collecting = batch;
    const { database } = this.#options;
    database
      .write<Appended>("embedded.append", () => this.#seal(batch))
      .then(
        (appended) => this.#committed(batch, appended),
        (error: unknown) => this.#failed(batch, error),
      );
  }

  #seal(batch: Batch) {
    this.#collecting = undefined;
    // Time may jump back; blocks are in the order of time, so that a time is found by halving.
    const storedAt = Math.max(this.#options.clock.now(), this.#target.newestAt ?? 0);
    return batch.seal(this.#target.id, storedAt, this.#target.dedupeWindowMs);
  }

  #committed(batch: Batch, appended: Appended): void {
    this.#options.commitQueue.done(batch);
    this.#options.buffers.give(appended.buffers);
    batch.stored(this.#target.id, appended);
    this.#target.committed(batch, appended);
  }

  #failed(batch: Batch, error: unknown): void {
    if (this.#collecting === batch) this.#collecting = undefined;
    this.#options.commitQueue.done(batch);
    batch.failed(appendFailure(error));
  }
}
