/** Brings the tables of each owner to the version that its module knows, before anything else uses the file. */
import type Driver from "better-sqlite3";
import { PulsebusError } from "../errors.ts";
import type { DatabaseModule } from "./module.ts";

export function migrate(file: Driver.Database, modules: readonly DatabaseModule[], directory: string): void {
  file.exec("CREATE TABLE IF NOT EXISTS schema_version (owner TEXT PRIMARY KEY, version INTEGER NOT NULL)");
  for (const module of modules) {
    const version = versionOf(file, module.owner);
    if (version > module.migrations.length) throw newerSchema(module, version, directory);
    if (version < module.migrations.length) file.transaction(() => runMigrations(file, module, version)).immediate();
  }
}

function runMigrations(file: Driver.Database, module: DatabaseModule, version: number): void {
  for (const script of module.migrations.slice(version)) file.exec(script);
  file
    .prepare("INSERT INTO schema_version VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET version = excluded.version")
    .run(module.owner, module.migrations.length);
}

function versionOf(file: Driver.Database, owner: string): number {
  const row = file
    .prepare<[string], { version: number }>("SELECT version FROM schema_version WHERE owner = ?")
    .get(owner);
  return row?.version ?? 0;
}

function newerSchema(module: DatabaseModule, version: number, directory: string): PulsebusError {
  return new PulsebusError(
    "invalid-configuration",
    `The data directory ${directory} was written by a newer Pulsebus: its ${module.owner} schema has version ${version}, ` +
      `this Pulsebus knows ${module.migrations.length}. Start the newer Pulsebus, or choose another data directory.`,
    { at: "dataDir" },
  );
}
