/** An embedded log in a directory of its own, for tests. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "../../../adapters/embedded/adapter.ts";
import { type Clock, systemClock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import type { Database } from "../../../src/sqlite/database.ts";
import { openDatabase } from "../../../src/sqlite/open.ts";
import type { Consumer, Matcher, TopicSettings, Transport } from "../../../src/transport/port.ts";

export const OPERATIONS = new URL("../../../adapters/embedded/operations.ts", import.meta.url);

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const SETTINGS: TopicSettings = {
  retention: { maxAgeMs: 7 * 24 * 3_600_000, maxBytes: 10 * 1024 ** 3 },
  holdBackMs: 7 * 24 * 3_600_000,
  whenFull: "reject",
};

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

export class EmbeddedLog {
  readonly directory: string;
  readonly #clock: Clock;
  #database: Database | undefined;
  #transport: Transport | undefined;

  private constructor(directory: string, clock: Clock) {
    this.directory = directory;
    this.#clock = clock;
  }

  static async open(clock: Clock = systemClock): Promise<EmbeddedLog> {
    const log = new EmbeddedLog(await mkdtemp(join(tmpdir(), "pulsebus-embedded-")), clock);
    await log.start();
    return log;
  }

  get database(): Database {
    if (this.#database === undefined) throw new Error("the log is closed");
    return this.#database;
  }

  get transport(): Transport {
    if (this.#transport === undefined) throw new Error("the log is closed");
    return this.#transport;
  }

  async start(wrap: (database: Database) => Database = (database) => database): Promise<void> {
    const clock = this.#clock;
    this.#database = await openDatabase({
      directory: this.directory,
      modules: [OPERATIONS],
      minFreeBytes: 0,
      clock,
      logger: SILENT,
    });
    this.#transport = await openEmbedded(wrap(this.#database), { busId: "test", clock, logger: SILENT });
  }

  async stop(): Promise<void> {
    await this.#transport?.close(Date.now() + 10_000);
    await this.#database?.close();
    this.#database = undefined;
    this.#transport = undefined;
  }

  async restart(wrap?: (database: Database) => Database): Promise<void> {
    await this.stop();
    await this.start(wrap);
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** A topic of its own, with the default settings changed as told. */
  async topic(settings: Partial<TopicSettings> = {}): Promise<string> {
    const address = `topic-${randomUUID()}`;
    await this.transport.provision(address, { ...SETTINGS, ...settings });
    return address;
  }

  /** A consumer of a group of its own, which starts at the end. */
  async consumer(address: string, matcher: Matcher = EVERYTHING, group = `group-${randomUUID()}`): Promise<Consumer> {
    await this.transport.createGroup(address, group, { at: "latest" });
    return this.transport.consumer(address, group, { matcher });
  }
}
