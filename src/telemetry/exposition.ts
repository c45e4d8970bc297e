/** The text that Prometheus reads; the one file that knows prom-client. */
import { setImmediate } from "node:timers/promises";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Family, Sample } from "./family.ts";

/** A family with its samples still to be read. */
export type BoundFamily = Omit<Family<never>, "samples"> & { samples(): Sample[] };

export const CONTENT_TYPE: string = Registry.PROMETHEUS_CONTENT_TYPE;

const METRIC_CLASSES = { counter: Counter, gauge: Gauge, histogram: Histogram };

/**
 * Renders one family after the other and lets the event loop turn in between, because prom-client formats all series
 * of a metric at a stretch.
 */
export async function render(families: readonly BoundFamily[]): Promise<string> {
  const registry = new Registry();
  const texts: string[] = [];
  for (const family of families) {
    register(registry, family);
    texts.push(await registry.getSingleMetricAsString(family.name));
    await setImmediate();
  }
  return `${texts.join("\n\n")}\n`;
}

/** A metric that hands out samples counted elsewhere instead of observing anything itself. */
function register(registry: Registry, { kind, name, help, samples }: BoundFamily): void {
  const metric = new METRIC_CLASSES[kind]({ name, help, registers: [registry] });
  const get = async (): Promise<unknown> => ({ name, help, type: kind, values: samples() });
  // Of a histogram, the registry asks the second one first.
  Object.assign(metric, { get, getForPromString: get });
}
