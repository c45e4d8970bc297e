/** What the process itself uses, under the names that Prometheus client libraries share. */
import { type ELDHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { EVENT_LOOP_SAMPLE_MS } from "../limits.ts";
import type { Family } from "./family.ts";

const MICROSECONDS = 1e6;
const NANOSECONDS = 1e9;
const QUANTILES = [0.5, 0.9, 0.99, 1];

export interface ProcessProbe {
  readonly eventLoop: ELDHistogram;
  readonly version: string;
}

/** Starts to sample the event loop's delay. */
export function openProcessProbe(version: string): ProcessProbe & { close(): void } {
  const eventLoop = monitorEventLoopDelay({ resolution: EVENT_LOOP_SAMPLE_MS });
  eventLoop.enable();
  return { eventLoop, version, close: () => void eventLoop.disable() };
}

export const PROCESS_FAMILIES: readonly Family<ProcessProbe>[] = [
  {
    kind: "gauge",
    name: "pulsebus_event_loop_delay_seconds",
    help: "Delay of the event loop since the last scrape, by quantile.",
    samples: ({ eventLoop }) => {
      const samples = QUANTILES.map((quantile) => ({
        labels: { quantile: String(quantile) },
        value: eventLoop.count === 0 ? 0 : eventLoop.percentile(quantile * 100) / NANOSECONDS,
      }));
      eventLoop.reset();
      return samples;
    },
  },
  {
    kind: "counter",
    name: "process_cpu_seconds_total",
    help: "User and system CPU time.",
    samples: () => {
      const { user, system } = process.cpuUsage();
      return [{ labels: {}, value: (user + system) / MICROSECONDS }];
    },
  },
  {
    kind: "gauge",
    name: "process_resident_memory_bytes",
    help: "Resident memory.",
    samples: () => [{ labels: {}, value: process.memoryUsage.rss() }],
  },
  {
    kind: "gauge",
    name: "nodejs_heap_size_used_bytes",
    help: "Used bytes of the JavaScript heap.",
    samples: () => [{ labels: {}, value: process.memoryUsage().heapUsed }],
  },
  {
    kind: "gauge",
    name: "nodejs_external_memory_bytes",
    help: "Memory outside the JavaScript heap that belongs to it.",
    samples: () => [{ labels: {}, value: process.memoryUsage().external }],
  },
  {
    kind: "gauge",
    name: "process_start_time_seconds",
    help: "When the process started, seconds since the epoch.",
    samples: () => [{ labels: {}, value: performance.timeOrigin / 1_000 }],
  },
  {
    kind: "gauge",
    name: "pulsebus_build_info",
    help: "1, with the versions as labels.",
    samples: ({ version }) => [{ labels: { version, node: process.version }, value: 1 }],
  },
];
