/** The module of the database itself: a write that proves that the file can be written. */
import type { Connection, Operation } from "./module.ts";

export const owner = "sqlite";

export const migrations = ["CREATE TABLE write_check (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL)"];

export function prepareWrites(connection: Connection): Record<string, Operation> {
  const count = connection.prepare(
    "INSERT INTO write_check VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1",
  );
  return {
    "sqlite.check": () => {
      count.run();
      return { result: undefined };
    },
  };
}

export function prepareReads(): Record<string, Operation> {
  return {};
}
