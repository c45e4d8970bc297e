/** What the parts of one open embedded transport share. */
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Database } from "../../src/sqlite/database.ts";
import type { BufferPool } from "./block.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { Progress } from "./progress.ts";
import type { TailBudget } from "./tail.ts";
import type { Topic } from "./topic.ts";

export interface LogContext {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** By address. */
  readonly topics: Map<string, Topic>;
  readonly consumers: Set<OpenConsumer>;
  readonly progress: Progress;
  readonly tailBudget: TailBudget;
  readonly commitQueue: CommitQueue;
  readonly buffers: BufferPool;
  /** Aborted when the transport is closed. */
  readonly closed: AbortSignal;
}

/** A consumer as the transport looks after it. */
export interface OpenConsumer {
  /** Its topic or group may be gone. */
  wake(): void;
  /** Called every `MAILBOX_CHECK_MS`: gives up the mailbox when nobody received since the last time. */
  restIfIdle(): void;
  close(deadline: number): Promise<void>;
}
