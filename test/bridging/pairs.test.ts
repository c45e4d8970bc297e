/**
 * Events on their way from any transport over any other and back: `from-A` on A, `A-over-B` on B, `A-from-B` on A again.
 * Nothing is missing or changed, and nothing comes twice; all that a bridge adds is `bridgevia`.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { deleteTopics } from "../../scripts/demo/delete-topics.ts";
import type { ConfigInput } from "../../src/config/input.ts";
import { attributeOf, type Event } from "../../src/event/event.ts";
import { type Consumer, type Item, isMalformed, type Matcher, type Transport } from "../../src/transport/port.ts";
import { unique } from "../support/api.ts";
import { describeBrokers } from "../support/brokers.ts";
import { BINARY_EVENTS, differences, STRUCTURED_EVENTS } from "../support/event-vectors.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../support/open-bus.ts";
import { BROKERS, SIDES, type Side, topicOn, transportsOf } from "./sides.ts";

/** For all pairs together, which share the brokers of the machine. */
const ARRIVAL_MS_MAX = 60_000;
const SETUP_MS_MAX = 120_000;
const CLOSE_MS = 5_000;
const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

const run = unique("pairs");
const pairs = SIDES.flatMap((a) => SIDES.filter((b) => b !== a).map((b) => ({ a, b })));
const published = [...BINARY_EVENTS, ...STRUCTURED_EVENTS];

const firstTopic = (a: Side): string => `${run}-from-${a}`;
const middleTopic = (a: Side, b: Side): string => `${run}-${a}-over-${b}`;
const lastTopic = (a: Side, b: Side): string => `${run}-${a}-from-${b}`;
/** The test's own at the end of the way. */
const groupOf = (a: Side, b: Side): string => `${lastTopic(a, b)}-reader`;

const configuration: ConfigInput = {
  bus: { id: run },
  transports: transportsOf(SIDES),
  topics: Object.fromEntries([
    ...SIDES.map((a) => [firstTopic(a), topicOn(a)]),
    ...pairs.map(({ a, b }) => [middleTopic(a, b), topicOn(b)]),
    ...pairs.map(({ a, b }) => [lastTopic(a, b), topicOn(a)]),
  ]),
  bridges: Object.fromEntries(
    pairs.flatMap(({ a, b }) => [
      [`${a}-to-${b}`, { from: firstTopic(a), to: middleTopic(a, b) }],
      [`${a}-back-from-${b}`, { from: middleTopic(a, b), to: lastTopic(a, b) }],
    ]),
  ),
};

await describeBrokers(BROKERS, "a bridge there and back", () => {
  const arrived = new Map<string, readonly Item[]>();
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let bus: TestBus;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    bus = await openTestBus({ directory: directory.path, yaml: JSON.stringify(configuration) });
    await Promise.all(
      pairs.map(({ a, b }) => transportOf(a).createGroup(lastTopic(a, b), groupOf(a, b), { at: "latest" })),
    );
    const signal = AbortSignal.timeout(ARRIVAL_MS_MAX);
    const arrivals = pairs.map(async ({ a, b }) => {
      const consumer = transportOf(a).consumer(lastTopic(a, b), groupOf(a, b), { matcher: EVERYTHING });
      arrived.set(lastTopic(a, b), await receiveAll(consumer, signal));
    });
    await Promise.all(SIDES.map((a) => publishAll(firstTopic(a))));
    await Promise.all(arrivals);
  }, SETUP_MS_MAX);

  afterAll(async () => {
    await bus.close();
    await deleteTopics(bus.plan);
    await directory[Symbol.asyncDispose]();
  }, SETUP_MS_MAX);

  it.each(pairs)("from $a over $b loses, changes and repeats nothing", ({ a, b }) => {
    const items = arrived.get(lastTopic(a, b)) ?? [];
    expect(account(items)).toEqual({ missing: [], changed: [], repeated: [] });
  });

  function transportOf(side: Side): Transport {
    const open = bus.transports.get(side);
    if (open === undefined) throw new Error(`the configuration has no transport ${side}`);
    return open.transport;
  }

  async function publishAll(topic: string): Promise<void> {
    const results = await (await bus.bus.openTopic(topic)).publish(published);
    for (const result of results) if (!result.ok) throw result.error;
  }
});

/** What came until each event was there, or the time was over. */
async function receiveAll(consumer: Consumer, signal: AbortSignal): Promise<readonly Item[]> {
  const items: Item[] = [];
  const owed = new Set(published.map(({ id }) => id));
  while (owed.size > 0 && !signal.aborted) {
    for (const item of await consumer.receive(published.length, signal)) {
      items.push(item);
      if (!isMalformed(item.event)) owed.delete(item.event.id);
      consumer.settle(item, "ack");
    }
  }
  await consumer.close(Date.now() + CLOSE_MS);
  return items;
}

function account(items: readonly Item[]) {
  const malformed = items.flatMap(({ event }) => (isMalformed(event) ? [event.malformed] : []));
  const events = items.flatMap(({ event }) => (isMalformed(event) ? [] : [event]));
  const byId = Map.groupBy(events, ({ id }) => id);
  return {
    missing: published.filter(({ id }) => !byId.has(id)).map(({ id }) => id),
    changed: [...malformed, ...published.flatMap((event) => changesOf(event, byId.get(event.id) ?? []))],
    repeated: [...byId.values()].filter(({ length }) => length > 1).map(([event]) => event?.id),
  };
}

function changesOf(event: Event, arrivals: readonly Event[]): string[] {
  return arrivals.flatMap((arrival) => {
    const places = attributeOf(arrival, "bridgevia")?.split(",") ?? [];
    const changes = differences(event, withoutBridgevia(arrival));
    if (places.length !== 2) changes.push(`bridgevia has ${places.length} places, not 2`);
    return changes.map((change) => `${event.id}: ${change}`);
  });
}

function withoutBridgevia(event: Event): Event {
  return { ...event, attributes: event.attributes.filter(({ name }) => name !== "bridgevia") };
}
