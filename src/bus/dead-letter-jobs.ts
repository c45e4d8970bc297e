/**
 * Redrive and discard. What is named by id is moved at once; a filter, or all, becomes a job that works in chunks in the
 * background. A crash ends a job: what it moved stays moved, and asking again does the rest.
 */
import { PulsebusError } from "../errors.ts";
import { REDRIVE_CHUNK } from "../limits.ts";
import type { DeadSelection } from "../store/port.ts";
import type { DeadLetterSelection } from "./bus.ts";
import type { BusContext } from "./context.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import type { SubscriptionEntry } from "./subscription-entry.ts";

type Action = "redrive" | "discard";

export class DeadLetterJobs {
  readonly #context: BusContext;
  readonly #queue = new KeyedQueue();
  #stopping = false;

  constructor(context: BusContext) {
    this.#context = context;
  }

  /** Answers how many dead letters are moved, or will be. */
  async start(action: Action, entry: SubscriptionEntry, selection: DeadLetterSelection): Promise<{ count: number }> {
    if ("ids" in selection) return { count: await this.#moveIds(action, entry, selection.ids) };
    const filter = "filter" in selection ? selection.filter : {};
    const count = await this.#context.store.countDead(entry.id, filter);
    // What dies while the job runs has failed again and is left for the user to see.
    const diedBefore = this.#context.clock.now() + 1;
    this.#queue
      .run(entry.id, () => this.#moveAll(action, entry, { filter, diedBefore }))
      .catch((error: unknown) => this.#logFailure(action, entry, error));
    return { count };
  }

  /** Ends running jobs after their chunk. */
  stop(): void {
    this.#stopping = true;
  }

  async #moveIds(action: Action, entry: SubscriptionEntry, ids: readonly string[]): Promise<number> {
    let moved = 0;
    for (let start = 0; start < ids.length; start += REDRIVE_CHUNK) {
      moved += await this.#moveChunk(action, entry, { ids: ids.slice(start, start + REDRIVE_CHUNK) });
    }
    if (moved > 0 || ids.length === 0) return moved;
    throw new PulsebusError("unknown-delivery", `none of these ids is a dead letter of "${entry.id}"`, { at: "/ids" });
  }

  async #moveAll(action: Action, entry: SubscriptionEntry, selection: DeadSelection): Promise<void> {
    let moved = REDRIVE_CHUNK;
    while (moved === REDRIVE_CHUNK && !this.#stopping) moved = await this.#moveChunk(action, entry, selection);
  }

  #moveChunk(action: Action, entry: SubscriptionEntry, selection: DeadSelection): Promise<number> {
    const { store, clock } = this.#context;
    return entry.move(action, () => store[action](entry.id, selection, clock.now(), REDRIVE_CHUNK));
  }

  #logFailure(action: Action, entry: SubscriptionEntry, error: unknown): void {
    this.#context.logger.error({ subscription: entry.id, error: String(error) }, `${action} stopped; ask for it again`);
  }
}
