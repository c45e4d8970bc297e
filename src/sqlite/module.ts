/**
 * What the owner of tables gives to the database: a file that both threads import, with the exports of
 * `DatabaseModule`. Its SQL and its row formats live there; threads, transactions and commits live in this folder.
 *
 * A write operation runs inside the transaction of its group, together with operations of other callers, under a
 * savepoint of its own. It may run twice (its group failed and is retried operation by operation), so it leaves its
 * payload as it was and keeps no state between calls that a rollback would make wrong.
 */

/** What can be bound to a parameter. */
export type Value = number | bigint | string | Uint8Array | null;

export interface RunResult {
  /** Rows inserted, changed or deleted. */
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

/** A prepared statement. One that was prepared for writing refuses to run when its transaction is gone. */
export interface Statement<Row> {
  run(...parameters: readonly Value[]): RunResult;
  get(...parameters: readonly Value[]): Row | undefined;
  all(...parameters: readonly Value[]): Row[];
  iterate(...parameters: readonly Value[]): IterableIterator<Row>;
}

/** `Row` is what the SQL selects: the module vouches for it. */
export interface Connection {
  prepare<Row = unknown>(sql: string): Statement<Row>;
}

/** What an operation answers; buffers in `transfer` move to the caller without a copy, after the commit. */
export interface OperationResult {
  readonly result: unknown;
  readonly transfer?: readonly ArrayBuffer[];
}

/** Synchronous; the payload is what `seal` gave, cloned into the thread. */
export type Operation = (payload: never) => OperationResult;

export interface DatabaseModule {
  /** Prefix of its operations' names, and the key of its schema version. */
  readonly owner: string;
  /** SQL scripts, forward only. The first one makes version 1; a released one never changes. */
  readonly migrations: readonly string[];
  /** Called after every (re)opening of the file; statements are prepared here, once. Keys: `owner.operation`. */
  prepareWrites(connection: Connection): Readonly<Record<string, Operation>>;
  /** The same for the reader thread, whose connection can't write. */
  prepareReads(connection: Connection): Readonly<Record<string, Operation>>;
}

/**
 * An outcome that an operation declares, such as `not_found`: what the operation wrote is undone, what its neighbours
 * wrote stays, and its caller gets an `OperationError` with the same code. No fault of the database.
 */
export class OperationError extends Error {
  override readonly name = "OperationError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
