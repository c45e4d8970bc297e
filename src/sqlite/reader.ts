/**
 * The reader thread: a connection that can't write. Each operation sees one state of the database, some commit that is
 * not older than its call. The file is opened for the first one, when the writer has brought the tables up to date, and
 * again for the next one after an I/O error.
 */
import type Driver from "better-sqlite3";
import { openReaderFile, readingConnection } from "./connection.ts";
import { isBroken, toFault } from "./fault.ts";
import type { ReadAnswer, ReadRequest } from "./messages.ts";
import type { DatabaseModule, OperationResult } from "./module.ts";
import { loadModules, Operations } from "./operations.ts";
import { runThread } from "./thread-entry.ts";

interface OpenFile {
  readonly connection: Driver.Database;
  readonly operations: Operations;
  readonly begin: Driver.Statement;
  readonly end: Driver.Statement;
}

class ReaderFile {
  readonly #directory: string;
  readonly #modules: readonly DatabaseModule[];
  #file: OpenFile | undefined;

  constructor(directory: string, modules: readonly DatabaseModule[]) {
    this.#directory = directory;
    this.#modules = modules;
  }

  read(operation: string, payload: unknown): OperationResult {
    this.#file ??= this.#open();
    const { operations, begin, end } = this.#file;
    try {
      begin.run();
      return operations.run(operation, payload);
    } catch (error) {
      if (isBroken(error)) this.close();
      throw error;
    } finally {
      if (this.#file?.connection.inTransaction) end.run();
    }
  }

  close(): void {
    this.#file?.connection.close();
    this.#file = undefined;
  }

  #open(): OpenFile {
    const connection = openReaderFile(this.#directory);
    return {
      connection,
      operations: new Operations(this.#modules, (module) => module.prepareReads(readingConnection(connection))),
      begin: connection.prepare("BEGIN"),
      end: connection.prepare("COMMIT"),
    };
  }
}

runThread<ReadRequest>(async ({ directory, modules }) => {
  const file = new ReaderFile(directory, await loadModules(modules));
  return {
    handle: ({ id, operation, payload }, port) => {
      try {
        const { result, transfer } = file.read(operation, payload);
        port.postMessage({ id, result, fault: undefined } satisfies ReadAnswer, transfer ?? []);
      } catch (error) {
        port.postMessage({ id, result: undefined, fault: toFault(error) } satisfies ReadAnswer);
      }
    },
    close: () => file.close(),
  };
});
