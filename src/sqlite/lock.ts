/**
 * One process per data directory. The lock is an exclusive transaction on a small database file of its own, held for
 * the life of the writer thread: the operating system frees it with the process, so a killed one leaves nothing behind.
 */
import { join } from "node:path";
import Driver from "better-sqlite3";
import { PulsebusError } from "../errors.ts";

export interface Lock {
  release(): void;
}

/** Throws `data-directory-in-use` when another process, or another database of this one, holds it. */
export function acquireLock(directory: string): Lock {
  const file = new Driver(join(directory, "pulsebus.lock"), { timeout: 0 });
  try {
    file.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    file.close();
    if (error instanceof Driver.SqliteError && error.code.startsWith("SQLITE_BUSY")) throw inUse(directory);
    throw error;
  }
  return { release: () => file.close() };
}

function inUse(directory: string): PulsebusError {
  return new PulsebusError(
    "data-directory-in-use",
    `The data directory ${directory} is in use by another Pulsebus process. Stop that one, or choose another data directory.`,
    { at: "dataDir" },
  );
}
