/**
 * The bus as its edges see it: topics, subscriptions and their deliveries as durable resources. HTTP, the CLI and the
 * tests go through this interface and nothing below it. Every failure is a `PulsebusError`.
 */

import type { TopicPlan } from "../config/plan.ts";
import type { BreakerState } from "../delivery/breaker.ts";
import type { Event } from "../event/event.ts";
import type { PulledDelivery, PullOutcome } from "../sink/pull.ts";
import type { DeadLetterReason, DeliveryFilter, DeliveryRow, DeliveryRowWithHistory, Page } from "../store/port.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { HistogramSnapshot } from "../telemetry/histogram.ts";
import type {
  Capabilities,
  GroupStats,
  Item,
  Position,
  PublishResult,
  Start,
  TopicPage,
  TopicStats,
} from "../transport/port.ts";

export type Origin = "api" | "config" | "internal";

/** What the publish path holds of a topic; found once a request, without waiting when the topic is known. */
export interface OpenTopic {
  readonly name: string;
  readonly strict: boolean;
  /** Whether an event that was published before is answered with where it is stored, and not stored again. */
  readonly dedupes: boolean;
  readonly counters: TopicCounters;
  /** One result per event, by index, after durable storage. Never rejects. */
  publish(events: readonly Event[]): Promise<readonly PublishResult[]>;
}

/** Plain fields, read when metrics are scraped. */
export interface TopicCounters {
  published: number;
  /** Events that were not stored because they had been before, whoever published them. */
  duplicates: number;
  /** By error code. */
  refused: Record<string, number>;
  /** By leniency that reading needed. */
  leniencies: Record<string, number>;
}

/** `provisioning`, `deleting`: until the transport has confirmed it, which is repeated in the background. */
export type TopicState = "provisioning" | "ready" | "deleting";

export interface TopicView {
  readonly plan: TopicPlan;
  readonly origin: Origin;
  readonly state: TopicState;
  /** Why it is not ready. */
  readonly reason: string | undefined;
  /** Nothing is known of one that is not ready, or whose transport does not answer. */
  readonly stats: TopicStats;
}

/** `provisioning`, `deleting`: as of a topic; `provisioning` also until its sinks are there. */
export type SubscriptionState = "provisioning" | "active" | "paused" | "failing" | "detached" | "deleting";

export interface SubscriptionStatus {
  readonly state: SubscriptionState;
  readonly reason: string | undefined;
  /** Unread events, before filters; undefined where the transport can't tell. */
  readonly backlog: number | undefined;
  readonly oldestAt: number | undefined;
  /** Received, and waiting for those before them of their key, or for their start. */
  readonly waiting: number;
  readonly inFlight: number;
  readonly parked: number;
  /** Parked until the time that their event asks for. */
  readonly scheduled: number;
  readonly deadLetters: number;
  /** Of the sink's origin, or of what it refused of this subscription. */
  readonly breaker: BreakerState;
  /** Since the process started, like every counter here. */
  readonly delivered: number;
  readonly attempts: number;
  /** Events that loop protection kept from being forwarded. */
  readonly loopDropped: number;
  /** Events that retention took before they were received. */
  readonly skipped: number;
  /** Evaluations of the filters that failed, so that the event did not match; since they were set. */
  readonly filterErrors: number;
  /** The last of them: which filter, and why. */
  readonly lastFilterError: string | undefined;
  readonly lastError: string | undefined;
  readonly lastAttemptAt: number | undefined;
}

export interface SubscriptionView {
  readonly subscription: Subscription;
  readonly origin: Origin;
  readonly revision: number;
  readonly status: SubscriptionStatus;
}

/** One line of the ring of recent outcomes, which is lost at a restart, or an attempt that runs now (`in-flight`). */
export interface RecentOutcome {
  readonly deliveryId: string;
  readonly eventId: string;
  readonly eventSource: string;
  readonly eventType: string;
  readonly position: string;
  readonly outcome: "delivered" | "retry" | "dead-lettered" | "loop-dropped" | "in-flight";
  readonly attempt: number;
  readonly status: number | undefined;
  readonly at: number;
}

/** What happened to one stored event, for one subscription. */
export interface TraceDelivery {
  readonly subscription: string;
  /** `delivered` without a row or ring entry is derived: the position has passed and nothing is parked or dead. */
  readonly state:
    | "not-matched"
    | "before-subscription"
    | "waiting"
    | "in-flight"
    | "parked"
    | "dead-lettered"
    | "delivered"
    | "unknown";
  readonly row: DeliveryRowWithHistory | undefined;
  readonly recent: RecentOutcome | undefined;
}

export interface Trace {
  readonly occurrences: readonly { readonly item: Item; readonly deliveries: readonly TraceDelivery[] }[];
  /** Rows whose event is no longer in the log. */
  readonly rows: readonly DeliveryRowWithHistory[];
  /** Whether the whole log was searched. */
  readonly complete: boolean;
}

export type DeadLetterSelection =
  | { readonly ids: readonly string[] }
  | { readonly filter: DeliveryFilter }
  | { readonly all: true };

/** A place in a topic: when an event was stored, milliseconds since the epoch, or where. */
export type ReplayPoint = { readonly time: number } | { readonly position: Position };

export interface ReplayRequest {
  readonly from: "earliest" | ReplayPoint;
  /** Inclusive; undefined: the newest event that is stored when the replay starts. */
  readonly to: ReplayPoint | undefined;
  /** In addition to those of the subscription, as users write them. */
  readonly filters: readonly unknown[] | undefined;
  /** Events a second; undefined: as fast as they are delivered. */
  readonly perSecond: number | undefined;
}

export type ReplayState = "running" | "done" | "cancelled" | "failed";

export interface ReplayView {
  readonly id: string;
  readonly subscription: string;
  readonly request: ReplayRequest;
  readonly state: ReplayState;
  /** Why it failed, or what it waits for. */
  readonly reason: string | undefined;
  /** Events read so far. */
  readonly scanned: number;
  /** Those of them that are delivered again. */
  readonly matched: number;
  /** Where it goes on; undefined before the first page and after the last. */
  readonly next: Position | undefined;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

export interface TransportView {
  readonly name: string;
  readonly adapter: string;
  readonly healthy: boolean;
  readonly lastError: string | undefined;
  readonly capabilities: Capabilities;
}

/** All numbers for a scrape, one entry per resource; nothing in it is computed on the hot path. */
export interface SubscriptionSnapshot {
  readonly id: string;
  readonly topic: string;
  readonly state: SubscriptionState;
  readonly stats: GroupStats;
  readonly inFlight: number;
  readonly parked: number;
  readonly scheduled: number;
  readonly deadLetters: number;
  readonly breaker: BreakerState;
  readonly delivered: number;
  readonly loopDropped: number;
  /** Deliveries that replays made. */
  readonly replayed: number;
  readonly replaysRunning: number;
  /** Evaluations of the filters that failed, by kind. */
  readonly filterErrors: Readonly<Record<string, number>>;
  /** Settlements that came too late for the transport. */
  readonly lateSettles: number;
  /** Attempts by outcome: `delivered`, `retry`, `reject`, `interrupted`. */
  readonly attempts: Readonly<Record<string, number>>;
  /** Dead letters by reason, since the process started. */
  readonly deadLettered: Readonly<Partial<Record<DeadLetterReason, number>>>;
  /** Seconds from storing to delivery, in the buckets of `src/telemetry/histogram.ts`. */
  readonly deliveryLatency: HistogramSnapshot;
}

export interface Bus {
  /** Throws `unknown-topic`; creates the topic where `topicCreation` is `onPublish`. Synchronous for a known topic. */
  openTopic(name: string): OpenTopic | Promise<OpenTopic>;
  topics(page: { readonly cursor: string | undefined; readonly limit: number }): Promise<Page<TopicView>>;
  topic(name: string): Promise<TopicView>;
  /**
   * Idempotent. `conflict` when it exists with another transport or address, or is being deleted. `unavailable` when its
   * transport does not confirm it in time: it is `provisioning` then, and finished in the background.
   */
  createTopic(name: string, input: unknown): Promise<{ readonly created: boolean; readonly topic: TopicView }>;
  /**
   * `conflict` while subscriptions exist, `read-only` for a topic of the configuration file. `unavailable` when its
   * transport does not confirm it in time: it is `deleting` then, and finished in the background.
   */
  deleteTopic(name: string): Promise<void>;
  browse(topic: string, from: Start, limit: number): Promise<TopicPage>;
  trace(topic: string, identity: { readonly source: string; readonly id: string }): Promise<Trace>;

  subscriptions(page: {
    readonly cursor: string | undefined;
    readonly limit: number;
    readonly topic?: string;
  }): Promise<Page<SubscriptionView>>;
  subscription(id: string): Promise<SubscriptionView>;
  /**
   * Resolves once nothing published from now on is missed. `unavailable` when the transport does not confirm that in
   * time: what was begun is undone.
   */
  createSubscription(input: unknown): Promise<SubscriptionView>;
  /** `precondition-failed` when `revision` is given and differs. A changed topic is a `conflict`. */
  replaceSubscription(id: string, input: unknown, revision: number | undefined): Promise<SubscriptionView>;
  /** `unavailable` when the transport does not confirm it in time: it is `deleting` then, and finished in the background. */
  deleteSubscription(id: string, revision: number | undefined): Promise<void>;
  pause(id: string, reason: string): Promise<SubscriptionView>;
  resume(id: string): Promise<SubscriptionView>;
  /** Sends one test event straight to the sink, outside the topic; answers what the sink said. */
  test(id: string): Promise<{ readonly outcome: string; readonly status: number | undefined; readonly detail: string }>;

  /** Parked deliveries, newest first, then on the first page the running ones and the ring of recent outcomes. */
  deliveries(
    id: string,
    filter: DeliveryFilter,
    page: { readonly cursor: string | undefined; readonly limit: number },
  ): Promise<{
    readonly parked: Page<DeliveryRow>;
    readonly inFlight: readonly RecentOutcome[];
    readonly recent: readonly RecentOutcome[];
  }>;
  deadLetters(
    id: string,
    filter: DeliveryFilter,
    page: { readonly cursor: string | undefined; readonly limit: number },
  ): Promise<Page<DeliveryRow>>;
  /** Waits for deliveries of a subscription that is pulled from. Throws `conflict` for one that is pushed. */
  receive(
    id: string,
    request: { readonly max: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly PulledDelivery[]>;
  /** Says what came of pulled deliveries. Throws `lock-lost` when some locks are none any more; the others are settled. */
  settlePulled(id: string, locks: readonly string[], outcome: PullOutcome): void;
  /** Locks for longer; answers until when, milliseconds since the epoch, by index. Throws `lock-lost` in the same way. */
  renewPulled(id: string, locks: readonly string[]): readonly number[];
  /** A parked delivery or a dead letter with its history. */
  delivery(id: string, deliveryId: string): Promise<DeliveryRowWithHistory>;
  /** Starts a job in chunks; answers how many dead letters it will move. */
  redrive(id: string, selection: DeadLetterSelection): Promise<{ readonly count: number }>;
  discard(id: string, selection: DeadLetterSelection): Promise<{ readonly count: number }>;

  /**
   * Begins to deliver stored events again, in the background; it goes on after a restart. `not-supported` where the
   * topic's transport can't be read from there, `conflict` while as many run as may.
   */
  startReplay(id: string, request: ReplayRequest): Promise<ReplayView>;
  /** The running ones and the last that ended, newest first. */
  replays(id: string): readonly ReplayView[];
  /** `not-found` for one that never was, or was forgotten. */
  replay(id: string, replay: string): ReplayView;
  /** What was parked stays to be delivered. One that has ended stays as it is. */
  cancelReplay(id: string, replay: string): Promise<ReplayView>;

  transports(): Promise<readonly TransportView[]>;
  /** Rejects with the reason while a transport is away, or not all that the start found is confirmed by its transport. */
  ready(): Promise<void>;
  snapshot(): Promise<readonly SubscriptionSnapshot[]>;
  /** The counters of all open topics, by name. */
  topicCounters(): ReadonlyMap<string, TopicCounters>;
}
