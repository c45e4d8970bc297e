/**
 * Retention, off the hot path: removes the oldest blocks of a topic that are too old or too many, a few in a commit,
 * as long as no group holds them back.
 *
 * A healthy group (`normal`) holds everything from its oldest unread or open event on. One that is paused, failing or
 * detached (`bounded`) does the same, but only for what is younger than `holdBackMs` and within half of `maxBytes`. One
 * in mode `none` holds nothing. What is removed under a group is skipped for it alone, and counted.
 *
 * A topic that is still too large after a pass is held by healthy groups: with `whenFull: reject` it is full and refuses
 * events until a later pass makes room; with `dropOldest` the size goes before the groups, and nothing is left over.
 *
 * A pass starts when a commit made the topic too large, and every `RETENTION_CHECK_MS` where something is too old or too
 * large; over one topic there is one at a time, with a pause after it, since it looks at the positions of all groups.
 */
import { RETENTION_BLOCKS_MAX, RETENTION_CHECK_MS, RETENTION_PAUSE_MS } from "../../src/limits.ts";
import { sleep } from "../../src/runtime/clock.ts";
import type { LogContext } from "./context.ts";
import { every } from "./every.ts";
import type { Cut, CutResult } from "./sql/retention.ts";
import type { Purge } from "./sql/topics.ts";
import type { Topic } from "./topic.ts";

type RetentionContext = Pick<LogContext, "database" | "clock" | "logger" | "topics" | "progress" | "closed">;

export class Retention {
  readonly #context: RetentionContext;
  readonly #passes = new Map<Topic, Promise<void>>();
  readonly #stopChecks: () => void;
  #purging: Promise<void> = Promise.resolve();

  constructor(context: RetentionContext) {
    this.#context = context;
    this.#stopChecks = every(context.clock, RETENTION_CHECK_MS, () => this.#check());
  }

  /** Makes a pass over the topic, unless one is under way. */
  start(topic: Topic): void {
    if (this.#passes.has(topic) || this.#context.closed.aborted) return;
    const pass = this.#pass(topic).finally(() => this.#passes.delete(topic));
    this.#passes.set(topic, pass);
  }

  /** Removes what is left of a deleted topic. */
  purge(topic: number): void {
    this.#purging = this.#purging.then(() => this.#purge(topic));
  }

  /** Resolves when the step under way is done; what is left to remove is removed after the next start. */
  async close(): Promise<void> {
    this.#stopChecks();
    await Promise.all([...this.#passes.values(), this.#purging]);
  }

  #check(): void {
    const now = this.#context.clock.now();
    for (const topic of this.#context.topics.values()) {
      const isTooOld = topic.oldestAt !== undefined && topic.oldestAt < now - topic.settings.retention.maxAgeMs;
      if (isTooOld || topic.isTooLarge || topic.isFull) this.start(topic);
    }
  }

  /** Goes on for as long as the topic is too large: nothing else would tell that its groups have moved. */
  async #pass(topic: Topic): Promise<void> {
    const { clock, closed, logger } = this.#context;
    do {
      try {
        while (await this.#cut(topic));
      } catch (error) {
        if (!topic.isDeleted) logger.warn({ err: error, topic: topic.address }, "retention failed; it is tried again");
      }
      await sleep(clock, RETENTION_PAUSE_MS, closed);
    } while (topic.isTooLarge && !topic.isDeleted && !closed.aborted);
  }

  /** Removes a few blocks; answers whether there may be more to remove. */
  async #cut(topic: Topic): Promise<boolean> {
    const { database, closed, progress } = this.#context;
    if (topic.isDeleted || closed.aborted) return false;
    const { maxBytes } = topic.settings.retention;
    const cut = this.#planOf(topic);
    let heldBytes = topic.bytes;
    let more = false;
    if (this.#canRemove(topic, cut)) {
      const result = await database.write<CutResult>("embedded.cut", () => ({ payload: cut }));
      topic.cut(result);
      for (const group of topic.groups.values()) if (group.hasMoved) progress.mark(group);
      heldBytes = result.bytes; // not those of the topic: what was stored since has not been looked at
      more = result.more;
    }
    if (!more) topic.isFull = heldBytes > maxBytes && topic.settings.whenFull === "reject";
    return more;
  }

  /** Spares the writer a look at a log that is held from its first event on. */
  #canRemove(topic: Topic, cut: Cut): boolean {
    if (topic.first >= topic.next) return false;
    return topic.first < cut.heldFrom || (cut.dropOldest && topic.isTooLarge);
  }

  #planOf(topic: Topic): Cut {
    const { retention, holdBackMs, whenFull } = topic.settings;
    const now = this.#context.clock.now();
    let heldFrom = Number.POSITIVE_INFINITY;
    let boundedFrom = Number.POSITIVE_INFINITY;
    for (const { holdBack, floor } of topic.groups.values()) {
      if (holdBack === "normal") heldFrom = Math.min(heldFrom, floor);
      else if (holdBack === "bounded") boundedFrom = Math.min(boundedFrom, floor);
    }
    return {
      ...{ topic: topic.id, maxBlocks: RETENTION_BLOCKS_MAX, heldFrom, boundedFrom },
      ...{ maxBytes: retention.maxBytes, expiredBefore: now - retention.maxAgeMs },
      ...{
        dropOldest: whenFull === "dropOldest",
        boundedSince: now - holdBackMs,
        boundedBytes: retention.maxBytes / 2,
      },
    };
  }

  async #purge(topic: number): Promise<void> {
    const { database, closed, logger } = this.#context;
    const payload: Purge = { topic, maxBlocks: RETENTION_BLOCKS_MAX };
    try {
      while (!closed.aborted && (await database.write<boolean>("embedded.purge", () => ({ payload }))));
    } catch (error) {
      logger.warn({ err: error, topic }, "a deleted topic could not be removed whole; it is tried at the next start");
    }
  }
}
