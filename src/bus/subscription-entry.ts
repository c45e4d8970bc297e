/**
 * One subscription while the bus runs: the durable record, and the runner that works for it unless it is detached.
 * Until it is in service, its task says what is missing.
 */

import { DeliveryCounters } from "../delivery/counters.ts";
import { outcomeRing } from "../delivery/outcome.ts";
import { SubscriptionRunner } from "../delivery/runner.ts";
import { PulsebusError } from "../errors.ts";
import type { Event } from "../event/event.ts";
import type { SinkResult } from "../sink/port.ts";
import type { PullSink } from "../sink/pull.ts";
import type { MovedDeadLetter, Park } from "../store/port.ts";
import { archiveOf } from "../subscription/names.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { GroupStats } from "../transport/port.ts";
import type { Task } from "./background.ts";
import type {
  RecentOutcome,
  SubscriptionSnapshot,
  SubscriptionState,
  SubscriptionStatus,
  SubscriptionView,
} from "./bus.ts";
import { type BusContext, groupName } from "./context.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { recentOutcome, runningOutcome } from "./recent-outcomes.ts";
import type { ReplaySource } from "./replay-range.ts";
import type { SubscriptionRecord } from "./subscription-records.ts";
import { type OpenSinks, SubscriptionSinks } from "./subscription-sinks.ts";
import type { Topic } from "./topic.ts";
import type { Topics } from "./topics.ts";
import { toldInTime } from "./transport-stats.ts";

export interface EntryDefinition {
  readonly subscription: Subscription;
  readonly record: SubscriptionRecord;
  readonly revision: number;
  readonly detached: boolean;
  /** From the store, as a process before left it. */
  readonly isRestored: boolean;
}

export interface EntryEvents {
  /** The sink asked for no more events. */
  onPause(entry: SubscriptionEntry, reason: string): void;
  onHealth(entry: SubscriptionEntry, failing: string | undefined): void;
}

export class SubscriptionEntry {
  readonly #context: BusContext;
  readonly #topics: Topics;
  readonly #sinks: SubscriptionSinks;
  readonly #events: EntryEvents;
  readonly #counters = new DeliveryCounters();
  readonly #outcomes = outcomeRing();
  /** Moves of dead letters, and starts, which count the rows: one after the other, or a move would be counted twice. */
  readonly #rowCounting = new KeyedQueue();
  /** As the transport told last. */
  #skipped = 0;
  #runner: SubscriptionRunner | undefined;
  #pull: PullSink | undefined;
  /** Ends the use of the breaker that is shared by all who deliver there. */
  #leaveOrigin: () => void = () => undefined;
  subscription: Subscription;
  record: SubscriptionRecord;
  revision: number;
  /** It vanished from the configuration file: kept, shown, not consumed. */
  detached: boolean;
  /** What the transport has to confirm, or had to. */
  task: Task | undefined;
  /** Whether the transport was asked for the group, by this process or one before. */
  mayHaveGroup: boolean;

  constructor(context: BusContext, topics: Topics, events: EntryEvents, definition: EntryDefinition) {
    this.#context = context;
    this.#topics = topics;
    this.#sinks = new SubscriptionSinks(context, topics);
    this.#events = events;
    this.subscription = definition.subscription;
    this.record = definition.record;
    this.revision = definition.revision;
    this.detached = definition.detached;
    this.mayHaveGroup = definition.isRestored;
  }

  get id(): string {
    return this.subscription.id;
  }

  get topic(): Topic {
    return this.#topics.require(this.subscription.topic);
  }

  get group(): string {
    return groupName(this.#context, this.id);
  }

  get state(): SubscriptionState {
    if (this.record.state === "deleting") return "deleting";
    if (this.detached) return "detached";
    if (this.record.state === "provisioning" || this.#runner === undefined) return "provisioning";
    if (this.record.paused !== undefined) return "paused";
    return this.#runner.failing === undefined ? "active" : "failing";
  }

  /** Why it is not active. */
  get reason(): string | undefined {
    switch (this.state) {
      case "deleting":
      case "provisioning":
        return this.task?.fault?.message;
      case "detached":
        return "it is no longer in the configuration file; delete it, or put it back";
      default:
        return this.record.paused ?? this.#runner?.failing;
    }
  }

  /** Opens consumer and sinks and starts the runner. Throws while one of its topics is not there. */
  start(signal: AbortSignal): Promise<void> {
    return this.#rowCounting.run(this.id, () => this.#start(signal));
  }

  async #start(signal: AbortSignal): Promise<void> {
    const topic = this.topic.requireReady();
    this.applyHoldBack();
    if (this.detached) return;
    const sinks = await this.#sinks.openAll(this.subscription);
    if (signal.aborted) {
      await Promise.all([sinks.sink.close(), sinks.forwardSink?.close()]);
      return;
    }
    this.#pull = sinks.pull;
    this.#runner = this.#openRunner(topic, sinks);
    await this.#startRunner(this.#runner);
    this.applyHoldBack();
  }

  #openRunner(topic: Topic, { sink, pull, forwardSink }: OpenSinks): SubscriptionRunner {
    const { store, clock, random, logger, engine } = this.#context;
    const { subscription } = this;
    const origin = engine.breakers.join(subscription.sink, subscription.policy.breaker);
    this.#leaveOrigin();
    this.#leaveOrigin = origin.leave;
    return new SubscriptionRunner({
      subscription,
      consumer: topic.transport.consumer(topic.plan.address, this.group, {
        matcher: subscription.matcher,
        leniency: (name) => topic.tolerated(name),
      }),
      sink,
      demand: pull,
      forwardSink,
      store,
      clock,
      random,
      logger,
      counters: this.#counters,
      outcomes: this.#outcomes,
      originBreaker: origin.breaker,
      turns: engine.turns,
      afterUncleanStop: engine.afterUncleanStop,
      onPause: (reason) => this.#events.onPause(this, reason),
      onHealth: (failing) => {
        this.applyHoldBack();
        this.#events.onHealth(this, failing);
      },
    });
  }

  async #startRunner(runner: SubscriptionRunner): Promise<void> {
    try {
      await runner.start(this.record.paused !== undefined);
    } catch (error) {
      await this.stop(this.#context.clock.now());
      throw error;
    }
    // It may have been paused or resumed meanwhile.
    if (this.record.paused === undefined) runner.resume();
    else runner.pause();
  }

  async stop(deadline: number): Promise<void> {
    const runner = this.#runner;
    this.#runner = undefined;
    await runner?.stop(deadline);
    this.#leaveOrigin();
    this.#leaveOrigin = () => undefined;
  }

  pause(): void {
    this.#runner?.pause();
    this.applyHoldBack();
  }

  resume(): void {
    this.#runner?.resume();
    this.applyHoldBack();
  }

  /** Dead letters are parked again, or deleted; answers how many. */
  move(action: "redrive" | "discard", change: () => Promise<readonly MovedDeadLetter[]>): Promise<number> {
    return this.#rowCounting.run(this.id, async () => {
      const moved = await (this.#runner === undefined ? change() : this.#runner.interventions.move(action, change));
      return moved.length;
    });
  }

  /** Where its events can be read again: in the topic, or in its archive. */
  get replaySource(): ReplaySource {
    const { plan } = this.topic.requireReady();
    const { replaySource } = plan.archive ? this.#topics.require(archiveOf(plan.name)).requireReady() : this.topic;
    return replaySource;
  }

  /** How many events a replay may park now. */
  get replayRoom(): number {
    return this.#runner?.replayRoom ?? 0;
  }

  /** Parks what a replay read. False: not now, since it is not in service. */
  replay(rows: readonly Park[]): Promise<boolean> {
    return this.#rowCounting.run(this.id, async () => {
      if (this.#runner === undefined) return false;
      await this.#runner.interventions.replay(rows);
      this.#counters.replayed += rows.length;
      return true;
    });
  }

  /** A healthy subscription holds the log for as long as it needs it, others within bounds, a temporary one never. */
  applyHoldBack(): void {
    const mode = this.subscription.expiresAt !== undefined ? "none" : this.state === "active" ? "normal" : "bounded";
    this.topic.transport.holdBack(this.topic.plan.address, this.group, mode);
  }

  /** What deliveries are fetched from. Throws `conflict` when they are pushed, `unavailable` while it is not in service. */
  get pull(): PullSink {
    const { id } = this;
    if (this.subscription.sink.kind !== "pull") {
      throw new PulsebusError(
        "conflict",
        `subscription "${id}" is pushed to its sink: give it the sink "pull:" to fetch`,
      );
    }
    if (this.#pull !== undefined && this.#runner !== undefined) return this.#pull;
    throw new PulsebusError("unavailable", `subscription "${id}" is not in service: ${this.reason ?? this.state}`, {
      retryAfterSeconds: 1,
    });
  }

  /** Makes one attempt with this event, outside topic and policy, and asks for no reply. */
  async test(event: Event): Promise<SinkResult | undefined> {
    const sink = await this.#sinks.openForTest(this.subscription);
    try {
      const [result] = await sink.deliver(
        [{ id: this.#context.newId(), event, attempt: 1 }],
        new AbortController().signal,
      );
      return result;
    } finally {
      await sink.close();
    }
  }

  async view(): Promise<SubscriptionView> {
    const { subscription, revision } = this;
    return { subscription, origin: this.record.origin, revision, status: await this.#status() };
  }

  async #status(): Promise<SubscriptionStatus> {
    const stats = await this.stats();
    const counts = await this.#rowCounts();
    const { attempts, delivered, loopDropped } = this.#counters;
    const { errors } = this.subscription.filter;
    return {
      state: this.state,
      reason: this.reason,
      backlog: stats.backlog,
      oldestAt: stats.oldestAt,
      waiting: this.#runner?.waiting ?? 0,
      inFlight: this.#runner?.inFlight ?? 0,
      ...counts,
      breaker: this.#runner?.breaker ?? "closed",
      delivered,
      attempts: attempts.delivered + attempts.retry + attempts.reject,
      loopDropped,
      skipped: stats.skipped,
      filterErrors: errors.total,
      lastFilterError: errors.last,
      lastError: this.#runner?.lastError,
      lastAttemptAt: this.#runner?.lastAttemptAt,
    };
  }

  async snapshot(replaysRunning: number): Promise<SubscriptionSnapshot> {
    const { attempts, delivered, loopDropped, replayed, lateSettles, deadLettered, latency } = this.#counters;
    return {
      id: this.id,
      topic: this.subscription.topic,
      state: this.state,
      stats: await this.stats(),
      inFlight: this.#runner?.inFlight ?? 0,
      ...(await this.#rowCounts()),
      breaker: this.#runner?.breaker ?? "closed",
      delivered,
      loopDropped,
      replayed,
      replaysRunning,
      filterErrors: this.subscription.filter.errors.byKind,
      lateSettles,
      attempts: { ...attempts },
      deadLettered: { ...deadLettered },
      deliveryLatency: latency.snapshot(),
    };
  }

  /** What the transport tells of the group now, as far as it can be reached. */
  async stats(): Promise<GroupStats> {
    const unknown = { backlog: undefined, oldestAt: undefined, skipped: this.#skipped };
    const topic = this.#topics.get(this.subscription.topic);
    if (this.record.state !== "ready" || topic?.state !== "ready") return unknown;
    const telling = topic.transport.stats(topic.plan.address, this.group);
    const told = await toldInTime(this.#context.clock, telling, unknown);
    this.#skipped = told.skipped;
    return told;
  }

  async #rowCounts(): Promise<Pick<SubscriptionStatus, "parked" | "scheduled" | "deadLetters">> {
    const { parked, scheduled, deadLetters } = this.#runner ?? (await this.#context.store.counts(this.id));
    return { parked, scheduled, deadLetters };
  }

  inFlight(): RecentOutcome[] {
    return [...(this.#runner?.running ?? [])].map(runningOutcome);
  }

  recent(): RecentOutcome[] {
    return this.#outcomes.newestFirst().map((outcome) => recentOutcome(this.id, outcome));
  }

  recentAt(position: string): RecentOutcome | undefined {
    return this.recent().find((candidate) => candidate.position === position);
  }
}
