/**
 * Bounds what topics with `dedupe` remember, off the hot path: every `RETENTION_CHECK_MS` the events go that are older
 * than the window, those above `DEDUPE_EVENTS_MAX` of one topic, and, where all topics together remember more than
 * `DEDUPE_EVENTS_TOTAL_MAX`, the oldest of the topics that remember most. What is forgotten is not lost: it is an event
 * that will be stored again when somebody publishes it again. A topic whose `dedupe` was taken away forgets everything.
 *
 * The age decides exactly when an event is published; that its identity is still there for a while does not matter.
 */
import {
  DEDUPE_EVENTS_MAX,
  DEDUPE_EVENTS_TOTAL_MAX,
  DEDUPE_FORGET_ROWS_MAX,
  RETENTION_CHECK_MS,
} from "../../src/limits.ts";
import type { LogContext } from "./context.ts";
import { every } from "./every.ts";
import { fairShare } from "./fair-share.ts";
import type { Forget, Forgotten } from "./sql/identities.ts";
import type { Topic } from "./topic.ts";

/** How many events are recognized: of one topic, and of all together. */
export interface ForgettingBounds {
  readonly topicEvents: number;
  readonly totalEvents: number;
}

const BOUNDS: ForgettingBounds = { topicEvents: DEDUPE_EVENTS_MAX, totalEvents: DEDUPE_EVENTS_TOTAL_MAX };

export class Forgetting {
  readonly #context: LogContext;
  readonly #bounds: ForgettingBounds;
  readonly #stopChecks: () => void;
  /** Told already. */
  readonly #overflowing = new WeakSet<Topic>();
  #pass: Promise<void> | undefined;

  constructor(context: LogContext, bounds: ForgettingBounds = BOUNDS) {
    this.#context = context;
    this.#bounds = bounds;
    this.#stopChecks = every(context.clock, RETENTION_CHECK_MS, () => this.#check());
  }

  /** Resolves when the step under way is done. */
  async close(): Promise<void> {
    this.#stopChecks();
    await this.#pass;
  }

  #check(): void {
    const remembering = [...this.#context.topics.values()].filter(({ remembered }) => remembered !== undefined);
    if (remembering.length === 0 || this.#pass !== undefined) return;
    const { topicEvents, totalEvents } = this.#bounds;
    const eventsMax = Math.min(topicEvents, fairShare(remembering.map(countOf), totalEvents));
    this.#pass = this.#forgetAll(remembering, eventsMax).finally(() => {
      this.#pass = undefined;
    });
  }

  async #forgetAll(topics: readonly Topic[], eventsMax: number): Promise<void> {
    const { logger } = this.#context;
    for (const topic of topics) {
      try {
        while (this.#isDue(topic, eventsMax) && (await this.#forget(topic, eventsMax)));
      } catch (error) {
        if (!topic.isDeleted) logger.warn({ err: error, topic: topic.address }, "forgetting failed; it is tried again");
      }
    }
  }

  #isDue(topic: Topic, eventsMax: number): boolean {
    const { remembered, isDeleted } = topic;
    if (remembered === undefined || isDeleted || this.#context.closed.aborted) return false;
    if (remembered.storedAt < this.#expiredBefore(topic)) return true;
    if (countOf(topic) <= eventsMax) return false;
    this.#tell(topic, eventsMax);
    return true;
  }

  /** A few rows; answers whether there may be more. */
  async #forget(topic: Topic, eventsMax: number): Promise<boolean> {
    const payload: Forget = {
      ...{ topic: topic.id, maxRows: DEDUPE_FORGET_ROWS_MAX },
      ...{ storedBefore: this.#expiredBefore(topic), numberBelow: topic.next - eventsMax },
    };
    const write = this.#context.database.write<Forgotten>("embedded.forget", () => ({ payload }));
    const { oldest, more } = await write;
    topic.remembered = oldest;
    return more;
  }

  #expiredBefore({ dedupeWindowMs }: Topic): number {
    return dedupeWindowMs === undefined ? Number.POSITIVE_INFINITY : this.#context.clock.now() - dedupeWindowMs;
  }

  #tell(topic: Topic, events: number): void {
    if (this.#overflowing.has(topic)) return;
    this.#overflowing.add(topic);
    this.#context.logger.warn(
      { topic: topic.address, events },
      "more events came within dedupe.window than can be recognized; the oldest of them no longer are",
    );
  }
}

/** At most so many: numbers without gaps, unless `dedupe` was taken away for a while. */
function countOf({ remembered, next }: Topic): number {
  return remembered === undefined ? 0 : next - remembered.first;
}
