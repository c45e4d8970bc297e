/** Opens the database file: the settings that make a commit durable and its cost even are set here, on every open. */
import { join } from "node:path";
import Driver from "better-sqlite3";
import {
  BUSY_TIMEOUT_MS,
  DATABASE_PAGE_BYTES,
  READER_CACHE_KIB,
  WAL_CHECKPOINT_PAGES,
  WAL_KEPT_BYTES,
  WRITER_CACHE_KIB,
} from "../limits.ts";
import type { Connection, RunResult, Statement, Value } from "./module.ts";

const SYNCHRONOUS_FULL = 2;

export function databasePath(directory: string): string {
  return join(directory, "pulsebus.db");
}

/** Creates the file when it is missing. */
export function openWriterFile(directory: string): Driver.Database {
  const file = new Driver(databasePath(directory), { timeout: BUSY_TIMEOUT_MS });
  try {
    file.pragma(`page_size = ${DATABASE_PAGE_BYTES}`); // has an effect on a new file only, and before WAL
    file.pragma("journal_mode = WAL");
    // The driver opens an existing WAL database with NORMAL, which loses the last commits with the power.
    file.pragma("synchronous = FULL");
    file.pragma("foreign_keys = ON");
    file.pragma("temp_store = MEMORY");
    file.pragma(`cache_size = -${WRITER_CACHE_KIB}`);
    file.pragma(`wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES}`);
    file.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
    verifyDurable(file);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

export function openReaderFile(directory: string): Driver.Database {
  const file = new Driver(databasePath(directory), { timeout: BUSY_TIMEOUT_MS, readonly: true });
  file.pragma("temp_store = MEMORY");
  file.pragma(`cache_size = -${READER_CACHE_KIB}`);
  return file;
}

export function readingConnection(file: Driver.Database): Connection {
  return { prepare: <Row>(sql: string): Statement<Row> => file.prepare<Value[], Row>(sql) };
}

function verifyDurable(file: Driver.Database): void {
  const synchronous = file.pragma("synchronous", { simple: true });
  const journal = file.pragma("journal_mode", { simple: true });
  if (synchronous !== SYNCHRONOUS_FULL || journal !== "wal") {
    throw new Error(`The database refused its settings: journal_mode ${journal}, synchronous ${synchronous}`);
  }
}

/** Prepares statements that run only inside a transaction: SQLite may have rolled it back by itself. */
export class TransactionalConnection implements Connection {
  readonly #file: Driver.Database;

  constructor(file: Driver.Database) {
    this.#file = file;
  }

  prepare<Row>(sql: string): Statement<Row> {
    return new TransactionalStatement<Row>(this.#file, this.#file.prepare<Value[], Row>(sql));
  }
}

class TransactionalStatement<Row> implements Statement<Row> {
  readonly #file: Driver.Database;
  readonly #statement: Driver.Statement<Value[], Row>;

  constructor(file: Driver.Database, statement: Driver.Statement<Value[], Row>) {
    this.#file = file;
    this.#statement = statement;
  }

  run(...parameters: Value[]): RunResult {
    this.#checkOpen();
    return this.#statement.run(...parameters);
  }

  get(...parameters: Value[]): Row | undefined {
    this.#checkOpen();
    return this.#statement.get(...parameters);
  }

  all(...parameters: Value[]): Row[] {
    this.#checkOpen();
    return this.#statement.all(...parameters);
  }

  iterate(...parameters: Value[]): IterableIterator<Row> {
    this.#checkOpen();
    return this.#statement.iterate(...parameters);
  }

  #checkOpen(): void {
    if (!this.#file.inTransaction) throw new Error("The transaction was rolled back by SQLite");
  }
}
