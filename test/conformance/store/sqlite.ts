/** The SQLite store as a kind for the suite. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/runtime/clock.ts";
import { openDatabase } from "../../../src/sqlite/open.ts";
import { openSqliteStore, storeModule } from "../../../src/store/sqlite/store.ts";
import type { OpenStore, StoreKind } from "./subject.ts";

const silent = (): void => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };

export async function openStore(directory: string): Promise<OpenStore> {
  const options = { directory, modules: [storeModule], minFreeBytes: 0, clock: systemClock, logger };
  const database = await openDatabase(options);
  return { store: await openSqliteStore(database), close: () => database.close() };
}

export const sqliteStore: StoreKind = {
  module: new URL(import.meta.url),
  newLocation: () => mkdtemp(join(tmpdir(), "pulsebus-store-")),
  openStore,
  removeLocation: (directory) => rm(directory, { recursive: true, force: true }),
};
