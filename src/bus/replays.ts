/** The replays of all subscriptions: durable records, and the work of those that run. */
import { PulsebusError } from "../errors.ts";
import { REPLAYS_ENDED_MAX, REPLAYS_RUNNING_MAX, REPLAYS_RUNNING_TOTAL_MAX } from "../limits.ts";
import type { ReplayRequest, ReplayView } from "./bus.ts";
import type { BusContext } from "./context.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { Replay, type ReplayRecord } from "./replay.ts";
import { resolveEnd } from "./replay-range.ts";
import { checkNotDeleting } from "./subscription-checks.ts";
import type { SubscriptionEntry } from "./subscription-entry.ts";

export class Replays {
  readonly #context: BusContext;
  /** By id, in the order in which they began. */
  readonly #replays = new Map<string, Replay>();
  /** Those of one subscription are started and removed one after the other. */
  readonly #queue = new KeyedQueue();

  constructor(context: BusContext) {
    this.#context = context;
  }

  /** Brings back what the store holds. Before subscriptions are loaded, since some are deleted then. */
  async load(): Promise<void> {
    const stored = await this.#context.store.resources("replay");
    const records = stored.map(({ json }) => JSON.parse(json) as ReplayRecord);
    for (const record of records.sort((a, b) => a.startedAt - b.startedAt)) {
      this.#replays.set(record.id, new Replay(record, this.#context));
    }
  }

  /** Goes on with what ran when the process before ended. */
  resume(entries: Iterable<SubscriptionEntry>): void {
    for (const entry of entries) {
      if (entry.state === "deleting") continue;
      for (const replay of this.#of(entry.id)) if (replay.isRunning) replay.start(entry);
    }
  }

  start(entry: SubscriptionEntry, request: ReplayRequest): Promise<ReplayView> {
    return this.#queue.run(entry.id, async () => {
      checkNotDeleting(entry);
      refuseArchive(entry);
      this.#refuseTooMany(entry);
      const { clock, newId } = this.#context;
      const startedAt = clock.now();
      const end = await resolveEnd(request, entry.replaySource, clock);
      const progress = { state: "running", scanned: 0, matched: 0, next: undefined } as const;
      const facts = { id: newId(), subscription: entry.id, request, end, startedAt };
      const replay = new Replay({ ...facts, ...progress, reason: undefined, endedAt: undefined }, this.#context);
      checkNotDeleting(entry);
      await replay.save();
      this.#replays.set(replay.record.id, replay);
      replay.start(entry);
      await this.#forgetOld(entry.id);
      return replay.view();
    });
  }

  running(subscription: string): number {
    return this.#of(subscription).filter(({ isRunning }) => isRunning).length;
  }

  /** Newest first. */
  list(entry: SubscriptionEntry): readonly ReplayView[] {
    return this.#of(entry.id)
      .map((replay) => replay.view())
      .reverse();
  }

  get(entry: SubscriptionEntry, id: string): ReplayView {
    return this.#require(entry, id).view();
  }

  async cancel(entry: SubscriptionEntry, id: string): Promise<ReplayView> {
    const replay = this.#require(entry, id);
    await replay.cancel(entry);
    return replay.view();
  }

  /** Nothing of the subscription is parked afterwards. */
  removeAll(subscription: string): Promise<void> {
    return this.#queue.run(subscription, async () => {
      for (const replay of this.#of(subscription)) {
        await replay.stop();
        await this.#forget(replay);
      }
    });
  }

  /** They go on in the next process. */
  async stop(): Promise<void> {
    await Promise.all([...this.#replays.values()].map((replay) => replay.stop()));
  }

  #of(subscription: string): Replay[] {
    return [...this.#replays.values()].filter(({ record }) => record.subscription === subscription);
  }

  #require(entry: SubscriptionEntry, id: string): Replay {
    const replay = this.#replays.get(id);
    if (replay?.record.subscription === entry.id) return replay;
    throw new PulsebusError("not-found", `subscription "${entry.id}" has no replay "${id}"`);
  }

  #refuseTooMany(entry: SubscriptionEntry): void {
    const running = this.running(entry.id);
    const total = [...this.#replays.values()].filter(({ isRunning }) => isRunning);
    if (running < REPLAYS_RUNNING_MAX && total.length < REPLAYS_RUNNING_TOTAL_MAX) return;
    const message = `${running} replays of subscription "${entry.id}" run (at most ${REPLAYS_RUNNING_MAX}), ${total.length} in all (at most ${REPLAYS_RUNNING_TOTAL_MAX}): cancel one, or wait`;
    throw new PulsebusError("conflict", message);
  }

  async #forgetOld(subscription: string): Promise<void> {
    const ended = this.#of(subscription).filter(({ isRunning }) => !isRunning);
    for (const replay of ended.slice(0, Math.max(0, ended.length - REPLAYS_ENDED_MAX))) await this.#forget(replay);
  }

  async #forget({ record }: Replay): Promise<void> {
    await this.#context.store.deleteResource("replay", record.id);
    this.#replays.delete(record.id);
  }
}

/** It would copy its own copies. */
function refuseArchive({ id, record }: SubscriptionEntry): void {
  if (record.origin !== "internal") return;
  throw new PulsebusError("not-supported", `subscription "${id}" fills an archive, which others replay from`);
}
