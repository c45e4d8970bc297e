/**
 * The metrics endpoint's content. Whoever has something to count does so in plain fields, which costs nanoseconds; they
 * are read here when somebody scrapes. prom-client is loaded at the first scrape, since starting need not wait for it.
 */
import type { Bus } from "../bus/bus.ts";
import type { Clock } from "../runtime/clock.ts";
import type { WebhookCounters } from "../sink/webhook-client.ts";
import type { DatabaseMetrics } from "../sqlite/database.ts";
import type { BoundFamily } from "./exposition.ts";
import { BUS_FAMILIES, type Scrape } from "./families.ts";
import type { Family } from "./family.ts";
import { Histogram, LATENCY_BOUNDS_SECONDS } from "./histogram.ts";
import { openProcessProbe, PROCESS_FAMILIES } from "./process.ts";

/** What the publish path counts besides the counters of its topics. */
export interface PublishMetrics {
  readonly seconds: Histogram;
  /** By error code: requests that did not get as far as a topic. */
  readonly refusedWithoutTopic: Record<string, number>;
}

interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

export interface Metrics {
  readonly publish: PublishMetrics;
  /** Scrapes at the same time share one. */
  scrape(): Promise<MetricsText>;
  close(): void;
}

export interface MetricsSources {
  readonly bus: Pick<Bus, "snapshot" | "topicCounters">;
  readonly database: { readonly metrics: DatabaseMetrics };
  readonly webhooks: WebhookCounters;
  readonly clock: Pick<Clock, "now">;
  readonly version: string;
}

export function openMetrics({ bus, database, webhooks, clock, version }: MetricsSources): Metrics {
  const publish: PublishMetrics = { seconds: new Histogram(LATENCY_BOUNDS_SECONDS), refusedWithoutTopic: {} };
  const probe = openProcessProbe(version);
  const take = async (): Promise<Scrape> => ({
    now: clock.now(),
    topics: bus.topicCounters(),
    subscriptions: await bus.snapshot(),
    database: database.metrics,
    publishSeconds: publish.seconds.snapshot(),
    refusedWithoutTopic: publish.refusedWithoutTopic,
    webhooks,
  });
  const scrape = async (): Promise<MetricsText> => {
    const { render, CONTENT_TYPE } = await import("./exposition.ts");
    const families = [...bind(BUS_FAMILIES, await take()), ...bind(PROCESS_FAMILIES, probe)];
    return { contentType: CONTENT_TYPE, text: await render(families) };
  };
  let running: Promise<MetricsText> | undefined;
  return {
    publish,
    scrape() {
      running ??= scrape().finally(() => {
        running = undefined;
      });
      return running;
    },
    close: () => probe.close(),
  };
}

function bind<Source>(families: readonly Family<Source>[], source: Source): BoundFamily[] {
  return families.map((family) => ({ ...family, samples: () => family.samples(source) }));
}
