import { type Clock, systemClock } from "../../../../src/runtime/clock.ts";
import type { Logger } from "../../../../src/runtime/logger.ts";
import type { Database } from "../../../../src/sqlite/database.ts";
import { openDatabase } from "../../../../src/sqlite/open.ts";

const silent = (): void => {};
const silentLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent };

const ledgerModule = new URL("ledger.ts", import.meta.url);

interface LedgerOptions {
  readonly module?: URL;
  readonly clock?: Clock;
  readonly minFreeBytes?: number;
}

export function openLedger(directory: string, options: LedgerOptions = {}): Promise<Database> {
  const { module = ledgerModule, clock = systemClock, minFreeBytes = 0 } = options;
  return openDatabase({ directory, modules: [module], minFreeBytes, clock, logger: silentLogger });
}

/** Opens, uses and closes. */
export async function withLedger<Result>(
  directory: string,
  use: (database: Database) => Promise<Result>,
  options: LedgerOptions = {},
): Promise<Result> {
  const database = await openLedger(directory, options);
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

export function addLine(database: Database, text: string): Promise<number> {
  return database.write<number>("ledger.add", () => ({ payload: text }));
}

export function linesOf(database: Database): Promise<string[]> {
  return database.read<string[]>("ledger.lines", undefined);
}
