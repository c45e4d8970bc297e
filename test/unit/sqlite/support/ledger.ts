/** An operations module for tests: a ledger of lines, and operations that fail in every way there is. */
import { type Connection, type Operation, OperationError } from "../../../../src/sqlite/module.ts";

export const owner = "ledger";

export const migrations = ["CREATE TABLE line (seq INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, body BLOB)"];

/** How often this thread opened the file. */
let openCount = 0;

export function prepareWrites(connection: Connection): Record<string, Operation> {
  openCount += 1;
  const insert = connection.prepare("INSERT INTO line (text, body) VALUES (?, ?)");
  const pragmas = ["synchronous", "journal_mode", "page_size"].map((name) => connection.prepare(`PRAGMA ${name}`));
  const clear = connection.prepare("DELETE FROM line");
  const rollback = connection.prepare("ROLLBACK");
  const add = (text: string): { result: number } => ({ result: Number(insert.run(text, null).lastInsertRowid) });
  return {
    "ledger.add": add,
    "ledger.addBody": ({ text, body }: { text: string; body: Uint8Array<ArrayBuffer> }) => {
      insert.run(text, body);
      return { result: body, transfer: [body.buffer] };
    },
    "ledger.addThenRefuse": (text: string) => {
      add(text);
      throw new OperationError("not_welcome", `${text} is not welcome`);
    },
    "ledger.addThenThrow": (text: string) => {
      add(text);
      throw new Error("a bug");
    },
    /** What SQLite does by itself after some errors, here by hand; the operation goes on as if nothing had been. */
    "ledger.goOnAfterRollback": (text: string) => {
      rollback.run();
      return add(text);
    },
    /** The same, and it says that all went well. */
    "ledger.hideRollback": (text: string) => {
      const result = add(text);
      rollback.run();
      return result;
    },
    "ledger.clear": () => {
      clear.run();
      return { result: undefined };
    },
    "ledger.settings": () => ({ result: pragmas.map((pragma) => Object.values(pragma.get() as object)[0]) }),
    "ledger.openCount": () => ({ result: openCount }),
    "ledger.endThread": () => process.exit(1),
  };
}

export function prepareReads(connection: Connection): Record<string, Operation> {
  const all = connection.prepare<{ text: string }>("SELECT text FROM line ORDER BY seq");
  return {
    "ledger.lines": () => ({ result: all.all().map(({ text }) => text) }),
    "ledger.write": () => ({ result: connection.prepare("DELETE FROM line").run() }),
    "ledger.endReader": () => process.exit(1),
  };
}
