/** The real server on a free port, over a bus in memory; both go when the test that started them ends. */
import { onTestFinished } from "vitest";
import { openServer } from "../../../src/http/server.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import { Histogram, SIZE_BOUNDS } from "../../../src/telemetry/histogram.ts";
import { type Metrics, openMetrics } from "../../../src/telemetry/metrics.ts";
import { MemoryBus } from "../../support/memory-bus.ts";

interface LogLine {
  readonly level: keyof Logger;
  readonly fields: object;
  readonly message: string;
}

export interface TestServer {
  readonly url: string;
  readonly bus: MemoryBus;
  readonly metrics: Metrics;
  readonly log: readonly LogLine[];
  drain(deadline: number): Promise<void>;
}

export interface TestServerOptions {
  readonly host?: string;
  readonly eventBytes?: number;
  readonly batchBytes?: number;
}

export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { host = "127.0.0.1", eventBytes = 64 * 1024, batchBytes = 256 * 1024 } = options;
  const bus = new MemoryBus();
  const { logger, log } = recordingLogger();
  const metrics = openMetrics({
    bus,
    database: { metrics: noDatabase() },
    webhooks: { retryAfterIgnored: 0 },
    clock: systemClock,
    version: "1.2.3",
  });
  const server = await openServer({
    bus,
    plan: { server: { host, port: 0 }, limits: { eventBytes, batchBytes, maxHops: 8 } },
    metrics,
    logger,
    version: "1.2.3",
  });
  onTestFinished(async () => {
    metrics.close();
    await server.close();
  });
  return { url: server.url, bus, metrics, log, drain: (deadline) => server.drain(deadline) };
}

/** With the topic `orders` in it. */
export async function startServerWithTopic(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startServer(options);
  await server.bus.createTopic("orders", undefined);
  return server;
}

function noDatabase() {
  const none = new Histogram(SIZE_BOUNDS).snapshot();
  return { commits: 0, operations: 0, failedCommits: 0, commitSeconds: none, commitOperations: none };
}

function recordingLogger(): { readonly logger: Logger; readonly log: LogLine[] } {
  const log: LogLine[] = [];
  const at =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      void log.push({ level, fields, message });
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, log };
}
