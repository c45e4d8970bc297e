/** An embedded log in a directory of its own, for tests. */

import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedOptions, openEmbedded } from "../../../adapters/embedded/adapter.ts";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import { type Clock, systemClock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import type { Database } from "../../../src/sqlite/database.ts";
import { openDatabase } from "../../../src/sqlite/open.ts";
import type { Consumer, Matcher, TopicSettings, Transport } from "../../../src/transport/port.ts";

const OPERATIONS = new URL("../../../adapters/embedded/operations.ts", import.meta.url);

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const SETTINGS: TopicSettings = {
  ...TOPIC_DEFAULTS.settings,
  retention: { maxAgeMs: 7 * 24 * 3_600_000, maxBytes: 10 * 1024 ** 3 },
  holdBackMs: 7 * 24 * 3_600_000,
  whenFull: "reject",
};

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

export interface LogOptions {
  readonly clock?: Clock;
  /** Put between the transport and the real database, to make it fail where a test wants it to. */
  readonly wrap?: (database: Database) => Database;
  readonly minFreeBytes?: number;
  readonly dedupeBounds?: EmbeddedOptions["dedupeBounds"];
}

/** Time that a test can move; timers run `speed` times as fast as they are set. */
export class TestClock implements Clock {
  readonly #speed: number;
  #offsetMs = 0;

  constructor(speed = 1) {
    this.#speed = speed;
  }

  advance(ms: number): void {
    this.#offsetMs += ms;
  }

  now(): number {
    return systemClock.now() + this.#offsetMs;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  timer(delayMs: number, callback: () => void): () => void {
    return systemClock.timer(delayMs / this.#speed, callback);
  }

  soon(callback: () => void): void {
    systemClock.soon(callback);
  }
}

export class EmbeddedLog {
  readonly directory: string;
  readonly #options: LogOptions;
  #database: Database | undefined;
  #transport: Transport | undefined;

  private constructor(directory: string, options: LogOptions) {
    this.directory = directory;
    this.#options = options;
  }

  static async open(options: LogOptions = {}): Promise<EmbeddedLog> {
    const log = new EmbeddedLog(await mkdtemp(join(tmpdir(), "pulsebus-embedded-")), options);
    await log.start();
    return log;
  }

  /** A log that another one has left. */
  static async reopen(directory: string, options: LogOptions = {}): Promise<EmbeddedLog> {
    const log = new EmbeddedLog(directory, options);
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

  async start(): Promise<void> {
    const { clock = systemClock, wrap = (database) => database, minFreeBytes = 0, dedupeBounds } = this.#options;
    this.#database = await openDatabase({
      directory: this.directory,
      modules: [OPERATIONS],
      minFreeBytes,
      clock: systemClock,
      logger: SILENT,
    });
    this.#transport = await openEmbedded(wrap(this.#database), {
      ...{ busId: "test", clock, logger: SILENT, dedupeBounds },
    });
  }

  async stop(): Promise<void> {
    const { clock = systemClock } = this.#options;
    await this.#transport?.close(clock.now() + 10_000);
    await this.#database?.close();
    this.#database = undefined;
    this.#transport = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Loses what the transport had not handed to the database, as a crash does, and starts again. */
  async crash(): Promise<void> {
    await this.#database?.close();
    await this.#transport?.close(0);
    await this.start();
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
