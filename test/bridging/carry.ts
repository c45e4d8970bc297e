/**
 * Carries events along routes of topics in one bus: publishes them to the first topic of each route, and receives what
 * comes to the last.
 */
import { deleteTopics } from "../../scripts/demo/delete-topics.ts";
import type { OpenTopic } from "../../src/bus/bus.ts";
import type { ConfigInput, TopicInput } from "../../src/config/input.ts";
import type { Event } from "../../src/event/event.ts";
import { type Consumer, type Item, isMalformed, type Matcher, type Transport } from "../../src/transport/port.ts";
import { unique } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../support/open-bus.ts";
import { SIDES, transportsOf } from "./sides.ts";

export interface Route {
  readonly name: string;
  readonly stops: readonly TopicInput[];
  readonly events: readonly Event[];
}

/** For all routes together, which share the brokers of the machine. */
const ARRIVAL_MS_MAX = 120_000;
/** For `beforeAll`. */
export const CARRY_MS_MAX = 2 * ARRIVAL_MS_MAX;
const CLOSE_MS = 5_000;
const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

/** What came for each route, by its name, until all of it was there or the time was over. */
export async function carry(routes: readonly Route[]): Promise<ReadonlyMap<string, readonly Item[]>> {
  const run = unique("carry");
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  const bus = await openTestBus({ directory: path, yaml: JSON.stringify(configurationOf(run, routes)) });
  stack.defer(() => deleteTopics(bus.plan));
  stack.defer(() => bus.close());
  const signal = AbortSignal.timeout(ARRIVAL_MS_MAX);
  const ways = await Promise.all(routes.map((route) => openWay(bus, run, route)));
  await Promise.all(ways.map((way) => way.publish()));
  return new Map(await Promise.all(ways.map(async (way) => [way.name, await way.receive(signal)] as const)));
}

function configurationOf(run: string, routes: readonly Route[]): ConfigInput {
  const topics = routes.flatMap(({ name, stops }) => stops.map((stop, at) => [topicName(run, name, at), stop]));
  const bridges = routes.flatMap(({ name, stops }) =>
    stops
      .slice(1)
      .map((_, at) => [`${name}-${at}`, { from: topicName(run, name, at), to: topicName(run, name, at + 1) }]),
  );
  return {
    bus: { id: run },
    transports: transportsOf(SIDES),
    topics: Object.fromEntries(topics),
    bridges: Object.fromEntries(bridges),
  };
}

function topicName(run: string, route: string, at: number): string {
  return `${run}-${route}-${at}`;
}

/** With a group at the end, from before the first event is published. */
async function openWay(bus: TestBus, run: string, { name, stops, events }: Route) {
  const address = topicName(run, name, stops.length - 1);
  const group = `${address}-reader`;
  const transport = transportOf(bus, stops.at(-1)?.transport);
  await transport.createGroup(address, group, { at: "latest" });
  return {
    name,
    async publish(): Promise<void> {
      await publishAll(await bus.bus.openTopic(topicName(run, name, 0)), events);
    },
    receive(signal: AbortSignal): Promise<readonly Item[]> {
      return receiveAll(transport.consumer(address, group, { matcher: EVERYTHING }), events, signal);
    },
  };
}

/** As publishers do: what is proven not stored, and may be later, is sent again; on a busy machine connections are late. */
async function publishAll(topic: OpenTopic, events: readonly Event[]): Promise<void> {
  let unsent = events;
  await eventually(async () => {
    const results = await topic.publish(unsent);
    unsent = unsent.filter((_, at) => {
      const result = results[at];
      return result?.ok === false && result.stored === "no" && result.error.retryable;
    });
    for (const result of results) if (!result.ok) throw result.error;
  }, ARRIVAL_MS_MAX);
}

function transportOf({ transports }: TestBus, name = "embedded"): Transport {
  const open = transports.get(name);
  if (open === undefined) throw new Error(`the configuration has no transport ${name}`);
  return open.transport;
}

async function receiveAll(consumer: Consumer, events: readonly Event[], signal: AbortSignal): Promise<readonly Item[]> {
  const items: Item[] = [];
  const owed = new Set(events.map(({ id }) => id));
  while (owed.size > 0 && !signal.aborted) {
    for (const item of await consumer.receive(events.length, signal)) {
      items.push(item);
      if (!isMalformed(item.event)) owed.delete(item.event.id);
      consumer.settle(item, "ack");
    }
  }
  await consumer.close(Date.now() + CLOSE_MS);
  return items;
}
