/** Events with the same `partitionkey` stay in order over a bridge, wherever both of its ends keep them so. */
import { beforeAll, expect, it } from "vitest";
import { attributeOf, type Event } from "../../src/event/event.ts";
import { makeEvent } from "../../src/transport/conformance/events.ts";
import { type Item, isMalformed } from "../../src/transport/port.ts";
import { describeBrokers } from "../support/brokers.ts";
import { CARRY_MS_MAX, carry } from "./carry.ts";
import { BROKERS, type Side, topicOn } from "./sides.ts";

const KEY = "partitionkey";

interface Way {
  readonly from: Side;
  readonly to: Side;
  readonly keys: number;
  /** Of each key. */
  readonly events: number;
}

/** Few where Pub/Sub is an end, whose test server is slow. */
const WAYS: readonly Way[] = [
  { from: "kafka", to: "nats", keys: 20, events: 50 },
  { from: "kafka", to: "amqp", keys: 20, events: 50 },
  { from: "kafka", to: "kafka", keys: 20, events: 50 },
  { from: "embedded", to: "kafka", keys: 20, events: 50 },
  { from: "nats", to: "kafka", keys: 20, events: 50 },
  { from: "amqp", to: "embedded", keys: 20, events: 50 },
  { from: "kafka", to: "gcp-pubsub", keys: 10, events: 10 },
  { from: "embedded", to: "gcp-pubsub", keys: 10, events: 10 },
  { from: "gcp-pubsub", to: "kafka", keys: 10, events: 10 },
];

await describeBrokers(BROKERS, "a bridge between topics that keep the order of keys", () => {
  let arrived: ReadonlyMap<string, readonly Item[]>;

  beforeAll(async () => {
    arrived = await carry(
      WAYS.map((way) => ({
        name: nameOf(way),
        stops: [keyedTopic(way.from), keyedTopic(way.to)],
        events: eventsOf(way),
      })),
    );
  }, CARRY_MS_MAX);

  it.each(WAYS)("from $from to $to keeps that of each of $keys keys with $events events", (way) => {
    const numbers = numbersByKey(arrived.get(nameOf(way)) ?? []);
    expect(numbers.size).toBe(way.keys);
    for (const [key, found] of numbers) expect(found, key).toEqual(Array.from({ length: way.events }, (_, at) => at));
  });
});

/** Several partitions, so that it is the key which keeps the order. */
function keyedTopic(side: Side) {
  if (side === "kafka") return topicOn(side, { key: KEY, options: { partitions: 3 } });
  return topicOn(side, side === "gcp-pubsub" ? { key: KEY } : {});
}

function nameOf({ from, to }: Way): string {
  return `${from}-to-${to}`;
}

/** The keys in turn. */
function eventsOf({ keys, events }: Way): readonly Event[] {
  return Array.from({ length: keys * events }, (_, at) =>
    makeEvent({
      id: `${at}`,
      attributes: [
        [KEY, `key ${at % keys}`],
        ["number", `${Math.floor(at / keys)}`],
      ],
    }),
  );
}

function numbersByKey(items: readonly Item[]): ReadonlyMap<string, readonly number[]> {
  const events = items.flatMap(({ event }) => (isMalformed(event) ? [] : [event]));
  const byKey = Map.groupBy(events, (event) => attributeOf(event, KEY) ?? "none");
  return new Map([...byKey].map(([key, found]) => [key, found.map((event) => Number(attributeOf(event, "number")))]));
}
