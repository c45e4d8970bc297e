/** Every metric of Pulsebus: its name, its meaning and where its numbers come from. */
import type { SubscriptionSnapshot, TopicCounters } from "../bus/bus.ts";
import type { WebhookCounters } from "../sink/webhook-client.ts";
import type { DatabaseMetrics } from "../sqlite/database.ts";
import { namedLabels, summed } from "./cardinality.ts";
import { type Family, histogramSamples, mergeHistograms, type Sample } from "./family.ts";
import { type HistogramSnapshot, LATENCY_BOUNDS_SECONDS } from "./histogram.ts";

/** Everything that one scrape shows, taken at one moment. */
export interface Scrape {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly topics: ReadonlyMap<string, TopicCounters>;
  readonly subscriptions: readonly SubscriptionSnapshot[];
  readonly database: DatabaseMetrics;
  readonly publishSeconds: HistogramSnapshot;
  readonly refusedWithoutTopic: Readonly<Record<string, number>>;
  readonly webhooks: WebhookCounters;
}

const BREAKER_VALUES = { closed: 0, "half-open": 0.5, open: 1 } as const;

type BusFamily = Family<Scrape>;

const TOPIC_FAMILIES: readonly BusFamily[] = [
  {
    kind: "counter",
    name: "pulsebus_events_published_total",
    help: "Events published over HTTP: stored durably and confirmed to their publisher.",
    samples: (scrape) => perTopic(scrape, ({ published }) => [{ labels: {}, value: published }]),
  },
  {
    kind: "counter",
    name: "pulsebus_events_duplicates_total",
    help: "Events of topics with dedupe that were stored before and so were not again, published over HTTP or forwarded.",
    samples: (scrape) => perTopic(scrape, ({ duplicates }) => [{ labels: {}, value: duplicates }]),
  },
  {
    kind: "counter",
    name: "pulsebus_events_refused_total",
    help: "Refused events (a request that can't be read counts as one) by problem code; no topic: none was found.",
    samples: (scrape) => [
      ...entries(scrape.refusedWithoutTopic, "reason").map((sample) => withLabel("topic", "", sample)),
      ...perTopic(scrape, ({ refused }) => entries(refused, "reason")),
    ],
  },
  {
    kind: "counter",
    name: "pulsebus_leniencies_total",
    help: "Deviations from the CloudEvents bindings that were tolerated, by kind. Native messages: at each reading by a subscription.",
    samples: (scrape) => perTopic(scrape, ({ leniencies }) => entries(leniencies, "leniency")),
  },
];

const SUBSCRIPTION_FAMILIES: readonly BusFamily[] = [
  {
    kind: "counter",
    name: "pulsebus_deliveries_total",
    help: "Deliveries that ended delivered.",
    samples: (scrape) => perSubscription(scrape, ({ delivered }) => [{ labels: {}, value: delivered }]),
  },
  {
    kind: "counter",
    name: "pulsebus_attempts_total",
    help: "Attempts by outcome: delivered, retry, reject, interrupted.",
    samples: (scrape) => perSubscription(scrape, ({ attempts }) => entries(attempts, "outcome")),
  },
  {
    kind: "counter",
    name: "pulsebus_loop_dropped_total",
    help: "Events that loop protection kept from being forwarded.",
    samples: (scrape) => perSubscription(scrape, ({ loopDropped }) => [{ labels: {}, value: loopDropped }]),
  },
  {
    kind: "counter",
    name: "pulsebus_replayed_total",
    help: "Deliveries that replays made of events stored before.",
    samples: (scrape) => perSubscription(scrape, ({ replayed }) => [{ labels: {}, value: replayed }]),
  },
  {
    kind: "gauge",
    name: "pulsebus_replays_running",
    help: "Replays that have not come to their end.",
    samples: (scrape) => perSubscription(scrape, ({ replaysRunning }) => [{ labels: {}, value: replaysRunning }]),
  },
  {
    kind: "counter",
    name: "pulsebus_filter_errors_total",
    help: "Evaluations of filters that failed, so that the event did not match, by kind.",
    samples: (scrape) => perSubscription(scrape, ({ filterErrors }) => entries(filterErrors, "kind")),
  },
  {
    kind: "counter",
    name: "pulsebus_late_settlements_total",
    help: "Acks that came too late for the transport, which then delivers the event again.",
    samples: (scrape) => perSubscription(scrape, ({ lateSettles }) => [{ labels: {}, value: lateSettles }]),
  },
  {
    kind: "counter",
    name: "pulsebus_retry_after_ignored_total",
    help: "Retry-After headers of sinks that were neither seconds nor a date.",
    samples: ({ webhooks }) => [{ labels: {}, value: webhooks.retryAfterIgnored }],
  },
  {
    kind: "counter",
    name: "pulsebus_skipped_events_total",
    help: "Events that retention took from a subscription before it received them.",
    samples: (scrape) => perSubscription(scrape, ({ stats }) => [{ labels: {}, value: stats.skipped }]),
  },
  {
    kind: "counter",
    name: "pulsebus_dead_letters_total",
    help: "Deliveries that gave up, by reason.",
    samples: (scrape) => perSubscription(scrape, ({ deadLettered }) => entries(deadLettered, "reason")),
  },
  {
    kind: "gauge",
    name: "pulsebus_dead_letters",
    help: "Dead letters kept.",
    samples: (scrape) => perSubscription(scrape, ({ deadLetters }) => [{ labels: {}, value: deadLetters }]),
  },
  {
    kind: "gauge",
    name: "pulsebus_parked",
    help: "Deliveries waiting in the store for their next attempt.",
    samples: (scrape) => perSubscription(scrape, ({ parked }) => [{ labels: {}, value: parked }]),
  },
  {
    kind: "gauge",
    name: "pulsebus_scheduled",
    help: "Deliveries waiting in the store for the time that their event asks for.",
    samples: (scrape) => perSubscription(scrape, ({ scheduled }) => [{ labels: {}, value: scheduled }]),
  },
  {
    kind: "gauge",
    name: "pulsebus_breaker_open",
    help: "1 while a circuit breaker keeps attempts back, 0.5 while it probes, else 0.",
    samples: (scrape) => perSubscription(scrape, ({ breaker }) => [{ labels: {}, value: BREAKER_VALUES[breaker] }]),
  },
  {
    kind: "gauge",
    name: "pulsebus_in_flight",
    help: "Attempts running now.",
    samples: (scrape) => perSubscription(scrape, ({ inFlight }) => [{ labels: {}, value: inFlight }]),
  },
  {
    kind: "gauge",
    name: "pulsebus_backlog_events",
    help: "Unread events before filters, where the transport can tell.",
    samples: (scrape) => perSubscription(scrape, ({ stats }) => optional(stats.backlog)),
  },
  {
    kind: "gauge",
    name: "pulsebus_oldest_undelivered_seconds",
    help: "Age of the oldest unread event, 0 when there is none; of `other` the highest.",
    samples: (scrape) =>
      perSubscription(scrape, (subscription) => optional(oldestSeconds(subscription, scrape.now)), Math.max),
  },
  {
    kind: "gauge",
    name: "pulsebus_subscriptions",
    help: "Subscriptions by state.",
    samples: ({ subscriptions }) => summed(subscriptions.map(({ state }) => ({ labels: { state }, value: 1 }))),
  },
];

const HISTOGRAM_FAMILIES: readonly BusFamily[] = [
  histogram("pulsebus_publish_seconds", "From a publish request to its 202.", (scrape) => scrape.publishSeconds),
  histogram("pulsebus_delivery_seconds", "From storing an event to its delivery, over all subscriptions.", (scrape) =>
    mergeHistograms(
      LATENCY_BOUNDS_SECONDS,
      scrape.subscriptions.map(({ deliveryLatency }) => deliveryLatency),
    ),
  ),
  histogram("pulsebus_commit_seconds", "One commit of the database.", ({ database }) => database.commitSeconds),
  histogram("pulsebus_commit_operations", "Operations in one commit.", ({ database }) => database.commitOperations),
  {
    kind: "counter",
    name: "pulsebus_commits_failed_total",
    help: "Commits of the database that failed.",
    samples: ({ database }) => [{ labels: {}, value: database.failedCommits }],
  },
];

export const BUS_FAMILIES: readonly BusFamily[] = [...TOPIC_FAMILIES, ...SUBSCRIPTION_FAMILIES, ...HISTOGRAM_FAMILIES];

function histogram(name: string, help: string, read: (scrape: Scrape) => HistogramSnapshot): BusFamily {
  return { kind: "histogram", name, help, samples: (scrape) => histogramSamples(name, read(scrape)) };
}

function perTopic({ topics }: Scrape, read: (counters: TopicCounters) => Sample[]): Sample[] {
  const label = namedLabels(topics.keys());
  return summed(
    [...topics].flatMap(([name, counters]) => read(counters).map((s) => withLabel("topic", label(name), s))),
  );
}

function perSubscription(
  { subscriptions }: Scrape,
  read: (subscription: SubscriptionSnapshot) => Sample[],
  combine?: (a: number, b: number) => number,
): Sample[] {
  const label = namedLabels(subscriptions.map(({ id }) => id));
  const samples = subscriptions.flatMap((subscription) =>
    read(subscription).map((sample) => withLabel("subscription", label(subscription.id), sample)),
  );
  return summed(samples, combine);
}

function entries(counters: Readonly<Partial<Record<string, number>>>, label: string): Sample[] {
  return Object.entries(counters).map(([name, value]) => ({ labels: { [label]: name }, value: value ?? 0 }));
}

function withLabel(name: string, value: string, sample: Sample): Sample {
  return { ...sample, labels: { [name]: value, ...sample.labels } };
}

function optional(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}

function oldestSeconds({ stats }: SubscriptionSnapshot, now: number): number | undefined {
  if (stats.oldestAt !== undefined) return Math.max(0, now - stats.oldestAt) / 1_000;
  return stats.backlog === 0 ? 0 : undefined;
}
