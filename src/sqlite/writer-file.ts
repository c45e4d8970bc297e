/**
 * The database file as the writer holds it: open or broken. It breaks on an I/O error or a corrupt page. Before the
 * next transaction a broken file is closed and opened again, and that again with a growing pause for as long as it
 * fails; until then every transaction fails `unavailable`.
 *
 * A file that is opened again after a fault is checkpointed whole before it is used. When an fsync fails, the kernel may
 * drop the pages and report success the next time; frames of the WAL that never reached the disk would then hide
 * later, committed ones from recovery. Copying all of them into the database file, with its own fsync, ends that.
 */
import { statSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type Driver from "better-sqlite3";
import { PulsebusError } from "../errors.ts";
import { REOPEN_PAUSE_MAX_MS, REOPEN_PAUSE_MIN_MS, WAL_BYTES_MAX, WAL_SIZE_CHECK_COMMITS } from "../limits.ts";
import { databasePath, openWriterFile, TransactionalConnection } from "./connection.ts";
import { isBroken } from "./fault.ts";
import { migrate } from "./migrations.ts";
import type { DatabaseModule, OperationResult } from "./module.ts";
import { Operations } from "./operations.ts";

interface OpenFile {
  readonly connection: Driver.Database;
  readonly operations: Operations;
  readonly begin: Driver.Statement;
  readonly commit: Driver.Statement;
  readonly rollback: Driver.Statement;
  readonly savepoint: Driver.Statement;
  readonly release: Driver.Statement;
  readonly rollbackToSavepoint: Driver.Statement;
}

export class WriterFile {
  readonly #directory: string;
  readonly #modules: readonly DatabaseModule[];
  #file: OpenFile | undefined;
  #reopenPauseMs = REOPEN_PAUSE_MIN_MS;
  #reopenAt = 0;
  /** Since the size of the WAL was looked at. */
  #commits = 0;

  constructor(directory: string, modules: readonly DatabaseModule[]) {
    this.#directory = directory;
    this.#modules = modules;
    const connection = openWriterFile(directory);
    migrate(connection, modules, directory);
    this.#file = this.#prepare(connection);
  }

  begin(): void {
    this.#open().begin.run();
  }

  commit(): void {
    this.#open().commit.run();
    this.#commits += 1;
  }

  /** Does nothing when SQLite has rolled back by itself. */
  rollback(): void {
    if (this.#file?.connection.inTransaction) this.#file.rollback.run();
  }

  run(operation: string, payload: unknown): OperationResult {
    return this.#open().operations.run(operation, payload);
  }

  savepoint(): void {
    this.#open().savepoint.run();
  }

  release(): void {
    this.#open().release.run();
  }

  rollbackToSavepoint(): void {
    const file = this.#open();
    file.rollbackToSavepoint.run();
    file.release.run();
  }

  /**
   * For between two groups, once in a while. A reader that is always busy keeps the WAL from starting over; a checkpoint
   * that waits for it ends that.
   */
  boundWal(): void {
    if (this.#commits < WAL_SIZE_CHECK_COMMITS) return;
    this.#commits = 0;
    try {
      const { size } = statSync(`${databasePath(this.#directory)}-wal`);
      if (size > WAL_BYTES_MAX) this.#file?.connection.pragma("wal_checkpoint(TRUNCATE)");
    } catch (error) {
      if (isBroken(error)) this.markBroken(); // else the next look tries again
    }
  }

  /** The next transaction opens the file again. */
  markBroken(): void {
    const connection = this.#file?.connection;
    this.#file = undefined;
    closeQuietly(connection);
  }

  close(): void {
    this.#file?.connection.close();
    this.#file = undefined;
  }

  #open(): OpenFile {
    this.#file ??= this.#reopen();
    return this.#file;
  }

  #reopen(): OpenFile {
    if (performance.now() < this.#reopenAt) throw notYet();
    let connection: Driver.Database | undefined;
    try {
      connection = openWriterFile(this.#directory);
      checkpointWhole(connection);
      const file = this.#prepare(connection);
      this.#reopenPauseMs = REOPEN_PAUSE_MIN_MS;
      return file;
    } catch (error) {
      closeQuietly(connection);
      this.#reopenAt = performance.now() + this.#reopenPauseMs;
      this.#reopenPauseMs = Math.min(this.#reopenPauseMs * 2, REOPEN_PAUSE_MAX_MS);
      throw error;
    }
  }

  #prepare(connection: Driver.Database): OpenFile {
    const transactional = new TransactionalConnection(connection);
    return {
      connection,
      operations: new Operations(this.#modules, (module) => module.prepareWrites(transactional)),
      begin: connection.prepare("BEGIN IMMEDIATE"),
      commit: connection.prepare("COMMIT"),
      rollback: connection.prepare("ROLLBACK"),
      savepoint: connection.prepare("SAVEPOINT operation"),
      release: connection.prepare("RELEASE operation"),
      rollbackToSavepoint: connection.prepare("ROLLBACK TO operation"),
    };
  }
}

function checkpointWhole(connection: Driver.Database): void {
  const [result] = connection.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[];
  if (result?.busy !== 0)
    throw new PulsebusError("unavailable", "The database is being opened again: readers hold it.");
}

function notYet(): PulsebusError {
  return new PulsebusError("unavailable", "The database could not be opened again after a fault; it is tried again.");
}

function closeQuietly(connection: Driver.Database | undefined): void {
  try {
    connection?.close();
  } catch {
    // The connection is given up because it is broken: what closing it says adds nothing.
  }
}
