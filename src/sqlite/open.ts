import { mkdir } from "node:fs/promises";
import { PulsebusError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { sibling } from "../runtime/sibling.ts";
import type { Database, DatabaseMetrics, Sealed } from "./database.ts";
import { FreeSpace } from "./free-space.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Group, GroupAnswer, ReadAnswer, ReadRequest } from "./messages.ts";
import { Reads } from "./reads.ts";
import { Thread } from "./thread.ts";

export interface DatabaseOptions {
  /** Created when it is missing. */
  readonly directory: string;
  /** Addresses of operations modules, as `sibling(import.meta.url, "operations")` gives them; see `module.ts`. */
  readonly modules: readonly URL[];
  readonly minFreeBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Opens the database of a data directory: takes its lock, brings the tables up to date, starts both threads. Rejects
 * with `PulsebusError`: `data-directory-in-use`, `invalid-configuration` (the directory can't be used, or was written
 * by a newer version), `storage-full` or `unavailable`.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { directory, clock, logger } = options;
  await createDirectory(directory);
  const modules = [sibling(import.meta.url, "health"), ...options.modules].map((url) => url.href);
  const common = { data: { directory, modules }, clock, logger };
  const commits = new GroupCommit(clock);
  const reads = new Reads();
  const [writer, reader] = await bothStarted(
    Thread.start<Group, GroupAnswer>({
      ...common,
      file: sibling(import.meta.url, "writer"),
      onAnswer: (answer) => commits.answered(answer),
      onDown: () => commits.writerDown(),
    }),
    Thread.start<ReadRequest, ReadAnswer>({
      ...common,
      file: sibling(import.meta.url, "reader"),
      onAnswer: (answer) => reads.answered(answer),
      onDown: () => reads.readerDown(),
    }),
  );
  commits.attach(writer);
  reads.attach(reader);
  return new ThreadedDatabase({ commits, writer, reads, reader, space: await FreeSpace.watch(options) });
}

/** The two start side by side. When one can't, the other is closed. */
async function bothStarted<Writer extends Closable, Reader extends Closable>(
  writer: Promise<Writer>,
  reader: Promise<Reader>,
): Promise<[Writer, Reader]> {
  try {
    return await Promise.all([writer, reader]);
  } catch (error) {
    const started = await Promise.allSettled<Closable>([writer, reader]);
    await Promise.all(started.map((result) => result.status === "fulfilled" && result.value.close()));
    throw error;
  }
}

interface Closable {
  close(): Promise<void>;
}

async function createDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new PulsebusError(
      "invalid-configuration",
      `The data directory ${directory} can't be created (${message}). Create it, or choose another one.`,
      { at: "dataDir", cause: error },
    );
  }
}

interface Parts {
  readonly commits: GroupCommit;
  readonly writer: Thread<Group, GroupAnswer>;
  readonly reads: Reads;
  readonly reader: Thread<ReadRequest, ReadAnswer>;
  readonly space: FreeSpace;
}

class ThreadedDatabase implements Database {
  readonly #parts: Parts;
  readonly #commits: GroupCommit;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#commits = parts.commits;
  }

  write<Result>(operation: string, seal: () => Sealed): Promise<Result> {
    return this.#commits.write(operation, seal);
  }

  writeLazily<Result>(operation: string, withinMs: number, seal: () => Sealed): Promise<Result> {
    return this.#commits.writeLazily(operation, withinMs, seal);
  }

  read<Result>(operation: string, payload: unknown): Promise<Result> {
    return this.#parts.reads.read(operation, payload);
  }

  get hasRoom(): boolean {
    return this.#parts.space.hasRoom;
  }

  check(): Promise<void> {
    return this.#commits.write("sqlite.check", () => ({ payload: undefined }));
  }

  get metrics(): DatabaseMetrics {
    return this.#commits.metrics;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { commits, writer, reads, reader, space } = this.#parts;
    space.close();
    await Promise.all([commits.close(), reads.close()]);
    await reader.close();
    await writer.close(); // last, so that it leaves a checkpointed file without a WAL
  }
}
