import { describe, expect, it, onTestFinished } from "vitest";
import type { SubscriptionSnapshot, TopicCounters } from "../../../src/bus/bus.ts";
import { METRIC_RESOURCES_MAX } from "../../../src/limits.ts";
import { Histogram, LATENCY_BOUNDS_SECONDS, SIZE_BOUNDS } from "../../../src/telemetry/histogram.ts";
import { openMetrics } from "../../../src/telemetry/metrics.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = { now: () => NOW };

function snapshot(id: string, members: Partial<SubscriptionSnapshot> = {}): SubscriptionSnapshot {
  return {
    id,
    topic: "orders",
    state: "active",
    stats: { backlog: 0, oldestAt: undefined, skipped: 0 },
    inFlight: 0,
    parked: 0,
    scheduled: 0,
    breaker: "closed",
    deadLetters: 0,
    delivered: 0,
    loopDropped: 0,
    replayed: 0,
    replaysRunning: 0,
    filterErrors: {},
    lateSettles: 0,
    attempts: {},
    deadLettered: {},
    deliveryLatency: new Histogram(LATENCY_BOUNDS_SECONDS).snapshot(),
    ...members,
  };
}

interface Sources {
  readonly topics?: ReadonlyMap<string, TopicCounters>;
  readonly subscriptions?: readonly SubscriptionSnapshot[];
}

function open({ topics = new Map(), subscriptions = [] }: Sources = {}) {
  const commitSeconds = new Histogram(LATENCY_BOUNDS_SECONDS);
  const commitOperations = new Histogram(SIZE_BOUNDS);
  commitSeconds.observe(0.002);
  commitOperations.observe(34);
  const counts = { commits: 1, operations: 34, failedCommits: 3 };
  const database = {
    metrics: { ...counts, commitSeconds: commitSeconds.snapshot(), commitOperations: commitOperations.snapshot() },
  };
  let snapshots = 0;
  const bus = {
    topicCounters: () => topics,
    snapshot: async () => {
      snapshots += 1;
      return subscriptions;
    },
  };
  const metrics = openMetrics({ bus, database, webhooks: { retryAfterIgnored: 2 }, clock, version: "1.2.3" });
  onTestFinished(() => metrics.close());
  const lines = async (): Promise<string[]> => (await metrics.scrape()).text.split("\n");
  return { metrics, lines, snapshots: () => snapshots };
}

const counters = (members: Partial<TopicCounters> = {}): TopicCounters => ({
  published: 0,
  duplicates: 0,
  refused: {},
  leniencies: {},
  ...members,
});

describe("the metrics", () => {
  it("count events by topic, refusals by reason and leniencies by kind", async () => {
    const orders = counters({ published: 7, refused: { "invalid-event": 2 }, leniencies: { "raw-utf8": 1 } });
    const { metrics, lines } = open({ topics: new Map([["orders", orders]]) });
    metrics.publish.refusedWithoutTopic["unknown-topic"] = 4;
    expect(await lines()).toEqual(
      expect.arrayContaining([
        "# TYPE pulsebus_events_published_total counter",
        'pulsebus_events_published_total{topic="orders"} 7',
        'pulsebus_events_refused_total{topic="orders",reason="invalid-event"} 2',
        'pulsebus_events_refused_total{topic="",reason="unknown-topic"} 4',
        'pulsebus_leniencies_total{topic="orders",leniency="raw-utf8"} 1',
      ]),
    );
  });

  it("show each subscription", async () => {
    const billing = snapshot("billing", {
      stats: { backlog: 12, oldestAt: NOW - 90_500, skipped: 5 },
      inFlight: 3,
      parked: 4,
      deadLetters: 6,
      delivered: 100,
      loopDropped: 1,
      replayed: 30,
      replaysRunning: 2,
      filterErrors: { cast: 2, notJson: 1 },
      lateSettles: 8,
      attempts: { delivered: 100, retry: 9 },
      deadLettered: { exhausted: 2 },
    });
    const unknown = snapshot("foreign", {
      state: "failing",
      stats: { backlog: undefined, oldestAt: undefined, skipped: 0 },
    });
    const { lines } = open({ subscriptions: [billing, unknown, snapshot("idle")] });
    const found = await lines();
    expect(found).toEqual(
      expect.arrayContaining([
        'pulsebus_deliveries_total{subscription="billing"} 100',
        'pulsebus_attempts_total{subscription="billing",outcome="retry"} 9',
        'pulsebus_loop_dropped_total{subscription="billing"} 1',
        'pulsebus_replayed_total{subscription="billing"} 30',
        'pulsebus_replays_running{subscription="billing"} 2',
        'pulsebus_filter_errors_total{subscription="billing",kind="cast"} 2',
        'pulsebus_filter_errors_total{subscription="billing",kind="notJson"} 1',
        'pulsebus_late_settlements_total{subscription="billing"} 8',
        "pulsebus_retry_after_ignored_total 2",
        'pulsebus_skipped_events_total{subscription="billing"} 5',
        'pulsebus_dead_letters{subscription="billing"} 6',
        'pulsebus_dead_letters_total{subscription="billing",reason="exhausted"} 2',
        'pulsebus_parked{subscription="billing"} 4',
        'pulsebus_in_flight{subscription="billing"} 3',
        'pulsebus_backlog_events{subscription="billing"} 12',
        'pulsebus_oldest_undelivered_seconds{subscription="billing"} 90.5',
        'pulsebus_oldest_undelivered_seconds{subscription="idle"} 0',
        'pulsebus_subscriptions{state="active"} 2',
        'pulsebus_subscriptions{state="failing"} 1',
      ]),
    );
    expect(found.filter((line) => /^pulsebus_(backlog|oldest).*foreign/.test(line))).toEqual([]);
  });

  it("show histograms in cumulative buckets, deliveries of all subscriptions together", async () => {
    const latency = new Histogram(LATENCY_BOUNDS_SECONDS);
    latency.observe(0.002);
    latency.observe(700);
    const subscriptions = ["a", "b"].map((id) => snapshot(id, { deliveryLatency: latency.snapshot() }));
    const { metrics, lines } = open({ subscriptions });
    metrics.publish.seconds.observe(0.0004);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        "# TYPE pulsebus_delivery_seconds histogram",
        'pulsebus_delivery_seconds_bucket{le="0.001"} 0',
        'pulsebus_delivery_seconds_bucket{le="0.0025"} 2',
        'pulsebus_delivery_seconds_bucket{le="600"} 2',
        'pulsebus_delivery_seconds_bucket{le="+Inf"} 4',
        "pulsebus_delivery_seconds_sum 1400.004",
        "pulsebus_delivery_seconds_count 4",
        'pulsebus_publish_seconds_bucket{le="0.0005"} 1',
        "pulsebus_publish_seconds_count 1",
        'pulsebus_commit_seconds_bucket{le="0.0025"} 1',
        'pulsebus_commit_operations_bucket{le="32"} 0',
        'pulsebus_commit_operations_bucket{le="64"} 1',
        "pulsebus_commits_failed_total 3",
      ]),
    );
  });

  it("show the process and the delay of its event loop", async () => {
    const { lines } = open();
    const found = (await lines()).join("\n");
    expect(found).toMatch(/^process_cpu_seconds_total \d/m);
    expect(found).toMatch(/^process_resident_memory_bytes \d{7,}/m);
    expect(found).toMatch(/^pulsebus_event_loop_delay_seconds\{quantile="0.99"\} \d/m);
    expect(found).toContain(`pulsebus_build_info{version="1.2.3",node="${process.version}"} 1`);
  });

  it("keep their labels within bounds and sum the rest", async () => {
    const names = Array.from({ length: METRIC_RESOURCES_MAX + 3 }, (_, i) => `t${i}`);
    const topics = new Map(names.map((name) => [name, counters({ published: 2 })]));
    const subscriptions = names.map((id, i) => snapshot(id, { stats: { backlog: 1, oldestAt: NOW - i, skipped: 0 } }));
    const { lines } = open({ topics, subscriptions });
    const found = await lines();
    const published = found.filter((line) => line.startsWith("pulsebus_events_published_total{"));
    expect(published).toHaveLength(METRIC_RESOURCES_MAX + 1);
    expect(published).toContain('pulsebus_events_published_total{topic="other"} 6');
    expect(found).toContain('pulsebus_backlog_events{subscription="other"} 3');
    expect(found).toContain('pulsebus_oldest_undelivered_seconds{subscription="other"} 1.002');
  });

  it("escape what a label may not hold", async () => {
    const { lines } = open({ topics: new Map([['say "hi"\\\n', counters({ published: 1 })]]) });
    expect(await lines()).toContain('pulsebus_events_published_total{topic="say \\"hi\\"\\\\\\n"} 1');
  });

  it("are taken once for scrapes at the same time", async () => {
    const { metrics, snapshots } = open();
    await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()]);
    expect(snapshots()).toBe(1);
    await metrics.scrape();
    expect(snapshots()).toBe(2);
  });
});
