/**
 * Runs one bus: puts plan, log, database, transports, bus and server together, and takes them apart again.
 *
 * Stopping (SIGTERM, SIGINT): readiness turns false and no new connection is taken; publishes under way are answered;
 * receiving stops; running attempts may finish within `drainTimeoutMs`, the rest is parked; acks are flushed; transports,
 * store and database are closed; the process ends by itself with status 0. A second signal ends it at once.
 */
import { randomUUID } from "node:crypto";
import type { OpenTransport } from "./bus/context.ts";
import { openBus } from "./bus/open-bus.ts";
import { type LoadOptions, loadPlan } from "./config/load.ts";
import type { Plan } from "./config/plan.ts";
import { openEgress } from "./egress/egress.ts";
import { openServer } from "./http/server.ts";
import { type Adapters, openTransports } from "./open-transport.ts";
import { systemClock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import { systemRandom } from "./runtime/random.ts";
import { openWebhookSink } from "./sink/webhook.ts";
import type { WebhookCounters } from "./sink/webhook-client.ts";
import type { Database } from "./sqlite/database.ts";
import { openDatabase } from "./sqlite/open.ts";
import { openSqliteStore, storeModule } from "./store/sqlite/store.ts";
import { openLog } from "./telemetry/log.ts";
import { openMetrics } from "./telemetry/metrics.ts";
import { openTransformer } from "./transform/transformer.ts";
import { VERSION } from "./version.ts";

/** Resolves once the bus has stopped in good order; rejects when it can't start. */
export async function serve(options: LoadOptions, adapters: Adapters): Promise<void> {
  const termination = new Termination();
  const plan = await loadPlan(options);
  const logger = await openLog(plan.log);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => termination.close());
  const database = await openDatabase({
    directory: plan.dataDir,
    modules: [adapters.embedded.operations, storeModule],
    minFreeBytes: plan.storage.minFreeBytes,
    clock: systemClock,
    logger,
  });
  stack.defer(() => database.close());
  const { bus, webhooks, deadline } = await startBus(plan, logger, database, adapters, stack);
  const metrics = openMetrics({ bus, database, webhooks, clock: systemClock, version: VERSION });
  stack.defer(() => metrics.close());
  const server = await openServer({ bus, plan, metrics, logger, version: VERSION });
  stack.defer(() => server.close());
  stack.defer(() => server.drain(deadline()));
  logger.info({ url: server.url, busId: plan.busId, dataDir: plan.dataDir, version: VERSION }, "listening");
  const signal = await termination.signalled;
  logger.info({ signal, drainTimeoutMs: plan.drainTimeoutMs }, "stopping; a second signal stops at once");
}

async function startBus(
  plan: Plan,
  logger: Logger,
  database: Database,
  adapters: Adapters,
  stack: AsyncDisposableStack,
) {
  const clock = systemClock;
  const deadline = (): number => clock.now() + plan.drainTimeoutMs;
  const egress = openEgress({ allow: plan.egress.allow });
  stack.defer(() => egress.close());
  const store = await openSqliteStore(database);
  stack.defer(() => store.close());
  // Until there is a bus that closes them, since a client that reconnects endlessly keeps a failed start alive.
  await using opened = new AsyncDisposableStack();
  const transports = new Map<string, OpenTransport>();
  for await (const open of openTransports(plan, database, adapters, { busId: plan.busId, clock, logger })) {
    opened.defer(() => open.transport.close(deadline()));
    transports.set(open.name, open);
  }
  const transformer = openTransformer(clock, logger);
  stack.defer(() => transformer.close());
  const webhooks: WebhookCounters = { retryAfterIgnored: 0 };
  const bus = await openBus({
    plan,
    transports,
    store,
    clock,
    random: systemRandom,
    logger,
    newId: randomUUID,
    transformer,
    openWebhook: (subscription, { url }, wantsReply) =>
      openWebhookSink({ url, subscription, egress, clock, version: VERSION, counters: webhooks, wantsReply }),
  });
  opened.move();
  stack.defer(() => bus.drain(deadline()));
  return { bus, webhooks, deadline };
}

/** The first signal is asked for in good order; from then on the next one ends the process by itself. */
class Termination {
  readonly signalled: Promise<NodeJS.Signals>;
  readonly close: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
    this.signalled = promise;
    this.close = () => {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
    };
    const onSignal = (signal: NodeJS.Signals): void => {
      this.close();
      resolve(signal);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  }
}
