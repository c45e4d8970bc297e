import { type Clock, systemClock } from "../../../../src/runtime/clock.ts";
import type { Logger } from "../../../../src/runtime/logger.ts";
import type { Database } from "../../../../src/sqlite/database.ts";
import { openDatabase } from "../../../../src/sqlite/open.ts";

const silent = (): void => {};
const silentLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent };

const ledgerModule = new URL("ledger.ts", import.meta.url);

export function openLedger(
  directory: string,
  options: { readonly module?: URL; readonly clock?: Clock; readonly minFreeBytes?: number } = {},
): Promise<Database> {
  const { module = ledgerModule, clock = systemClock, minFreeBytes = 0 } = options;
  return openDatabase({ directory, modules: [module], minFreeBytes, clock, logger: silentLogger });
}

export function addLine(database: Database, text: string): Promise<number> {
  return database.write<number>("ledger.add", () => ({ payload: text }));
}

export function linesOf(database: Database): Promise<string[]> {
  return database.read<string[]>("ledger.lines", undefined);
}
