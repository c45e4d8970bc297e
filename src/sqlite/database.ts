/**
 * The one database file and its two threads, seen from the main thread: a writer with group commit and a reader. Who
 * owns tables (the embedded transport, the SQLite store) gives a module of operations that both threads load; SQL lives
 * there, threads and commits live here.
 *
 * Group commit. At most one commit is under way. What is written meanwhile waits and goes into the next group together,
 * in the order of the calls; a group is sent at once when the writer is idle. An operation is sealed, i.e. asked for
 * its payload, only when its group is sent, so that it can go on collecting until then.
 *
 * A failing commit. The whole group is rolled back and its operations are retried one by one, each in its own
 * transaction, so that only the faulty one fails. An operation checks that the transaction is still open before each
 * statement, since SQLite may have rolled it back by itself. When COMMIT itself fails with an I/O error, every
 * operation of the group is answered `unavailable`, and the file is closed and opened again before the next one.
 */
import type { HistogramSnapshot } from "../telemetry/histogram.ts";

/** What an operation hands over when its group is sent. Buffers in `transfer` move and can't be used afterwards. */
export interface Sealed {
  readonly payload: unknown;
  readonly transfer?: readonly ArrayBuffer[];
}

export interface Database {
  /**
   * Runs a write operation in the next group; resolves with its result after the commit. Rejects with `PulsebusError`:
   * `storage-full` (disk full), `unavailable` (I/O error, closed) or `internal` (the operation itself failed).
   */
  write<Result>(operation: string, seal: () => Sealed): Promise<Result>;
  /** The same, but causes a commit of its own only after `withinMs`; an earlier group takes it along. */
  writeLazily<Result>(operation: string, withinMs: number, seal: () => Sealed): Promise<Result>;
  /** Runs a read operation on the reader thread, on the state of some commit not older than the call. */
  read<Result>(operation: string, payload: unknown): Promise<Result>;
  /** Whether the free space is above `minFreeBytes`; looked at every `FREE_DISK_CHECK_MS`. */
  readonly hasRoom: boolean;
  /** Rejects when the file can't be written now. */
  check(): Promise<void>;
  /** Plain numbers, read when metrics are scraped. */
  readonly metrics: DatabaseMetrics;
  /** Commits what is queued, then closes both threads and frees the lock. */
  close(): Promise<void>;
}

export interface DatabaseMetrics {
  readonly commits: number;
  readonly operations: number;
  readonly failedCommits: number;
  /** Seconds from sending a group to its answer. */
  readonly commitSeconds: HistogramSnapshot;
  /** Operations in a group. */
  readonly commitOperations: HistogramSnapshot;
}
