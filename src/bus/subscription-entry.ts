/**
 * One subscription while the bus runs: the durable record, and the runner that works for it unless it is detached.
 */
import { DeliveryCounters } from "../delivery/counters.ts";
import { deliveryId } from "../delivery/delivery-id.ts";
import { type Outcome, outcomeRing } from "../delivery/outcome.ts";
import { SubscriptionRunner } from "../delivery/runner.ts";
import type { Event } from "../event/event.ts";
import { REPLACE_GRACE_MS } from "../limits.ts";
import type { Sink, SinkResult } from "../sink/port.ts";
import { openReplySink } from "../sink/reply.ts";
import { openTopicSink } from "../sink/topic.ts";
import { openTransformSink } from "../sink/transform.ts";
import type { MovedDeadLetter } from "../store/port.ts";
import type { SinkAddress, Subscription, SubscriptionInput } from "../subscription/subscription.ts";
import type {
  Origin,
  RecentOutcome,
  SubscriptionSnapshot,
  SubscriptionState,
  SubscriptionStatus,
  SubscriptionView,
} from "./bus.ts";
import { type BusContext, groupName } from "./context.ts";
import type { Topic, Topics } from "./topics.ts";

/** What the store keeps of a subscription. */
export interface SubscriptionRecord {
  readonly input: SubscriptionInput & { readonly id: string };
  readonly origin: Origin;
  readonly state: "provisioning" | "ready" | "deleting";
  /** Why it is paused, or absent. */
  readonly paused?: string;
}

export interface EntryEvents {
  /** The sink asked for no more events. */
  onPause(entry: SubscriptionEntry, reason: string): void;
  onHealth(entry: SubscriptionEntry, failing: string | undefined): void;
}

export class SubscriptionEntry {
  readonly #context: BusContext;
  readonly #topics: Topics;
  readonly #events: EntryEvents;
  readonly #counters = new DeliveryCounters();
  readonly #outcomes = outcomeRing();
  #runner: SubscriptionRunner | undefined;
  /** Ends the use of the breaker that is shared by all who deliver there. */
  #leaveOrigin: () => void = () => undefined;
  subscription: Subscription;
  record: SubscriptionRecord;
  revision: number;
  /** It vanished from the configuration file: kept, shown, not consumed. */
  detached: boolean;

  constructor(
    context: BusContext,
    topics: Topics,
    events: EntryEvents,
    state: {
      readonly subscription: Subscription;
      readonly record: SubscriptionRecord;
      readonly revision: number;
      readonly detached: boolean;
    },
  ) {
    this.#context = context;
    this.#topics = topics;
    this.#events = events;
    this.subscription = state.subscription;
    this.record = state.record;
    this.revision = state.revision;
    this.detached = state.detached;
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
    if (this.detached) return "detached";
    if (this.record.paused !== undefined) return "paused";
    return this.#runner?.failing === undefined ? "active" : "failing";
  }

  get #reason(): string | undefined {
    if (this.detached) return "it is no longer in the configuration file; delete it, or put it back";
    return this.record.paused ?? this.#runner?.failing;
  }

  /** Opens consumer and sinks and starts the runner. */
  async start(): Promise<void> {
    this.applyHoldBack();
    if (this.detached) return;
    const { store, clock, random, logger, engine } = this.#context;
    const { deadLetterSink, breaker } = this.subscription.policy;
    const { topic, subscription } = this;
    const origin = engine.breakers.join(subscription.sink, breaker);
    this.#leaveOrigin();
    this.#leaveOrigin = origin.leave;
    const runner = new SubscriptionRunner({
      subscription,
      consumer: topic.transport.consumer(topic.plan.address, this.group, {
        matcher: subscription.matcher,
        leniency: (name) => topic.tolerated(name),
      }),
      sink: await this.#openSink(subscription.replyTopic),
      forwardSink: deadLetterSink && (await this.#openAddress(deadLetterSink)),
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
    this.#runner = runner;
    await runner.start(this.record.paused !== undefined);
  }

  async stop(deadline: number): Promise<void> {
    const runner = this.#runner;
    this.#runner = undefined;
    await runner?.stop(deadline);
    this.#leaveOrigin();
    this.#leaveOrigin = () => undefined;
  }

  /** Takes a new definition into service; what runs gets a moment to finish, the rest is parked. */
  async restart(): Promise<void> {
    await this.stop(this.#context.clock.now() + REPLACE_GRACE_MS);
    await this.start();
  }

  pause(): void {
    this.#runner?.pause();
    this.applyHoldBack();
  }

  resume(): void {
    this.#runner?.resume();
    this.applyHoldBack();
  }

  /** These dead letters were parked again, or deleted. */
  moved(action: "redrive" | "discard", moved: readonly MovedDeadLetter[]): void {
    if (action === "redrive") this.#runner?.redriven(moved);
    else this.#runner?.discarded(moved);
  }

  /** A healthy subscription holds the log for as long as it needs it, others within bounds, a temporary one never. */
  applyHoldBack(): void {
    const mode = this.subscription.expiresAt !== undefined ? "none" : this.state === "active" ? "normal" : "bounded";
    this.topic.transport.holdBack(this.topic.plan.address, this.group, mode);
  }

  /** Where the subscription delivers, with all that stands in front. */
  async #openSink(replyTopic: string | undefined): Promise<Sink> {
    const { sink: address, transform, policy } = this.subscription;
    const sink = replyTopic === undefined ? await this.#openAddress(address) : await this.#openReplySink(replyTopic);
    if (transform === undefined) return sink;
    const { transformer } = this.#context;
    return openTransformSink({ sink, transformer, expression: transform, timeoutMs: policy.timeoutMs });
  }

  async #openReplySink(replyTopic: string): Promise<Sink> {
    const { strict, counters } = await this.#topics.open(replyTopic);
    return openReplySink({
      sink: await this.#openAddress(this.subscription.sink, true),
      replies: await this.#openAddress({ kind: "topic", topic: replyTopic }),
      decoding: {
        strict,
        leniency: (name) => {
          counters.leniencies[name] = (counters.leniencies[name] ?? 0) + 1;
        },
      },
    });
  }

  async #openAddress(address: SinkAddress, wantsReply = false): Promise<Sink> {
    if (address.kind === "webhook") return this.#context.openWebhook(this.subscription, address, wantsReply);
    const target = await this.#topics.open(address.topic);
    return openTopicSink({
      // The one of now: its settings may have changed since.
      publish: (events) => (this.#topics.get(address.topic) ?? target).publish(events),
      sourcePlace: await this.topic.place(),
      targetPlace: await target.place(),
      maxHops: this.#context.plan.limits.maxHops,
      timeoutMs: this.subscription.policy.timeoutMs,
      clock: this.#context.clock,
    });
  }

  /** Makes one attempt with this event, outside topic and policy, and asks for no reply. */
  async test(event: Event): Promise<SinkResult | undefined> {
    const sink = await this.#openSink(undefined);
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
    const stats = await this.topic.transport.stats(this.topic.plan.address, this.group);
    const counts = await this.#rowCounts();
    const { attempts, delivered, loopDropped } = this.#counters;
    const { errors } = this.subscription.filter;
    return {
      state: this.state,
      reason: this.#reason,
      backlog: stats.backlog,
      oldestAt: stats.oldestAt,
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

  async snapshot(): Promise<SubscriptionSnapshot> {
    const { attempts, delivered, loopDropped, lateSettles, deadLettered, latency } = this.#counters;
    return {
      id: this.id,
      topic: this.subscription.topic,
      state: this.state,
      stats: await this.topic.transport.stats(this.topic.plan.address, this.group),
      inFlight: this.#runner?.inFlight ?? 0,
      ...(await this.#rowCounts()),
      breaker: this.#runner?.breaker ?? "closed",
      delivered,
      loopDropped,
      filterErrors: this.subscription.filter.errors.byKind,
      lateSettles,
      attempts: { ...attempts },
      deadLettered: { ...deadLettered },
      deliveryLatency: latency.snapshot(),
    };
  }

  async #rowCounts(): Promise<Pick<SubscriptionStatus, "parked" | "scheduled" | "deadLetters">> {
    const { parked, scheduled, deadLetters } = this.#runner ?? (await this.#context.store.counts(this.id));
    return { parked, scheduled, deadLetters };
  }

  inFlight(): RecentOutcome[] {
    return [...(this.#runner?.running ?? [])].map((attempt) => ({
      deliveryId: attempt.id,
      eventId: attempt.event.id,
      eventSource: attempt.event.source,
      eventType: attempt.event.type,
      position: attempt.position,
      outcome: "in-flight",
      attempt: attempt.attempt,
      status: undefined,
      at: attempt.startedAt,
    }));
  }

  recent(): RecentOutcome[] {
    return this.#outcomes.newestFirst().map((outcome) => this.#named(outcome));
  }

  recentAt(position: string): RecentOutcome | undefined {
    const outcome = this.#outcomes.newestFirst().find((candidate) => candidate.position === position);
    return outcome && this.#named(outcome);
  }

  #named(outcome: Outcome): RecentOutcome {
    return { ...outcome, deliveryId: deliveryId(this.id, outcome.position) };
  }
}
