/**
 * A real bus inside the test's process: SQLite files, the embedded log, the transports of its configuration, real
 * webhooks; what a test wants to disturb is wrapped, never replaced.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "../../adapters/embedded/adapter.ts";
import { adapters } from "../../adapters/index.ts";
import type { OpenTransport } from "../../src/bus/context.ts";
import { type OwnedBus, openBus } from "../../src/bus/open-bus.ts";
import { loadPlan } from "../../src/config/load.ts";
import type { Plan } from "../../src/config/plan.ts";
import { openEgress } from "../../src/egress/egress.ts";
import type { Event } from "../../src/event/event.ts";
import { type Adapters, openTransports } from "../../src/open-transport.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { sibling } from "../../src/runtime/sibling.ts";
import { openWebhookSink } from "../../src/sink/webhook.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import type { Store } from "../../src/store/port.ts";
import { openSqliteStore, storeModule } from "../../src/store/sqlite/store.ts";
import { openTransformer } from "../../src/transform/transformer.ts";

const allAdapters: Adapters = {
  load: async (name) => (await adapters[name]?.())?.adapter,
  embedded: { operations: sibling(import.meta.url, "../../adapters/embedded/operations"), open: openEmbedded },
};
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface TestBus {
  readonly bus: OwnedBus;
  readonly plan: Plan;
  readonly store: Store;
  /** By name, as the configuration has them. */
  readonly transports: ReadonlyMap<string, OpenTransport>;
  /** Ids, or ids with extensions. */
  publish(topic: string, events: readonly (string | TestEvent)[], type?: string): Promise<void>;
  /** Drains within `drainMs` and closes everything; the directory stays. */
  close(drainMs?: number): Promise<void>;
}

export interface TestEvent {
  readonly id: string;
  readonly [extension: string]: string;
}

export interface TestBusOptions {
  readonly directory: string;
  readonly yaml?: string;
  readonly wrapStore?: (store: Store) => Store;
  /** Called before the bus opens. */
  readonly disturb?: (transports: ReadonlyMap<string, OpenTransport>) => void;
}

export async function openTestBus({
  directory,
  yaml,
  wrapStore = (store) => store,
  disturb,
}: TestBusOptions): Promise<TestBus> {
  const clock = systemClock;
  const plan = await loadPlan({
    file: yaml === undefined ? undefined : "test.yaml",
    env: {},
    flags: { dataDir: directory },
    readFile: async () => yaml ?? Promise.reject(Object.assign(new Error("no file"), { code: "ENOENT" })),
    adapters: Object.keys(adapters),
  });
  const modules = [allAdapters.embedded.operations, storeModule];
  const database = await openDatabase({ directory, modules, minFreeBytes: 0, clock, logger: silent });
  const egress = openEgress({ allow: plan.egress.allow });
  const store = wrapStore(await openSqliteStore(database));
  const transports = new Map<string, OpenTransport>();
  const context = { busId: plan.busId, clock, logger: silent };
  for await (const open of openTransports(plan, database, allAdapters, context)) transports.set(open.name, open);
  const transformer = openTransformer(clock, silent);
  disturb?.(transports);
  const bus = await openBus({
    plan,
    ...{ transports, store, clock, logger: silent, random: Math.random, newId: randomUUID, transformer },
    openWebhook: (subscription, { url }, wantsReply) =>
      openWebhookSink({
        url,
        subscription,
        egress,
        clock,
        version: "test",
        counters: { retryAfterIgnored: 0 },
        wantsReply,
      }),
  });
  return {
    bus,
    plan,
    store,
    transports,
    async publish(topic, events, type = "test") {
      const all = events.map((event) => testEvent(typeof event === "string" ? { id: event } : event, type));
      const results = await (await bus.openTopic(topic)).publish(all);
      for (const result of results) if (!result.ok) throw result.error;
    },
    async close(drainMs = 5_000) {
      await bus.drain(clock.now() + drainMs);
      await store.close();
      await egress.close();
      await transformer.close();
      await database.close();
    },
  };
}

function testEvent({ id, ...extensions }: TestEvent, type: string): Event {
  const attributes = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: "/test" },
    { name: "type", type: "string", value: type },
    ...Object.entries(extensions).map(([name, value]) => ({ name, type: "string", value }) as const),
  ] as const;
  const data = { kind: "binary", bytes: Buffer.from(`data of ${id}`) } as const;
  return { id, source: "/test", type, attributes, data, structured: undefined };
}

/** A directory that is removed at the end. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "pulsebus-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
