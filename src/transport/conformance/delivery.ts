/** T23–T30, T70, T71: who is handed what, from where on, in which order. */
import assert from "node:assert/strict";
import type { Event } from "../../event/event.ts";
import { attributeOf } from "../../event/event.ts";
import { type Consumer, type Item, isMalformed, type Matcher, type Start } from "../port.ts";
import type { ConformanceCase, Harness } from "./case.ts";
import { assertSameEvent, assertSameIds, idOf, idsOf, makeEvent, makeEvents } from "./events.ts";
import {
  ackAll,
  assertQuiet,
  assertRejects,
  inTime,
  openConsumer,
  publishAll,
  receive,
  receiveAndAck,
  soon,
  topicWithGroup,
} from "./steps.ts";

const SEQUENTIAL = 1_000;
const KEYS = 10;
/** Events before and after the time at which a group starts. */
const HALF = 3;
/** Events that are held when a consumer ends: more than the 32 which an Erlang map keeps in order by accident. */
const UNSETTLED = 35;
/** Events that are stored after it. */
const LATER = 7;

function idsOfEvents(events: readonly Event[]): string[] {
  return events.map(({ id }) => id);
}

/** A topic of one key, whose events were stored before and after a time. */
interface Stored {
  readonly events: readonly Event[];
  readonly positions: readonly string[];
  readonly time: Date;
}

/** A new group is handed the events from this one on and no others, or is refused where the start is not declared. */
async function assertStart(harness: Harness, startOf: (stored: Stored) => Start, from: number): Promise<void> {
  const { address } = await topicWithGroup(harness); // somebody who wants the events: a transport may keep none that nobody does
  const stored = await storeBeforeAndAfter(harness, address);
  const start = startOf(stored);
  const group = harness.name();
  const creating = harness.transport.createGroup(address, group, start);
  if (!harness.transport.capabilities.starts.includes(start.at)) {
    await assertRejects(creating, "invalid", `a start at ${start.at}`);
    return;
  }
  await inTime(creating, `a start at ${start.at}`);
  const consumer = openConsumer(harness, address, group);
  const expected = idsOfEvents(stored.events.slice(from));
  assertSameIds(idsOf(await receiveAndAck(consumer, expected.length)), expected, `from ${start.at} on`);
  await assertQuiet(harness, address, consumer);
}

async function storeBeforeAndAfter(harness: Harness, address: string): Promise<Stored> {
  const events = Array.from({ length: 2 * HALF }, () => makeEvent({ attributes: [["partitionkey", "one"]] }));
  const positions: string[] = [];
  for (const event of events.slice(0, HALF)) positions.push(...(await publish(harness, address, event)));
  const time = new Date(await laterThan(Date.now()));
  for (const event of events.slice(HALF)) positions.push(...(await publish(harness, address, event)));
  return { events, positions, time };
}

export const deliveryCases: readonly ConformanceCase[] = [
  {
    id: "T23",
    title: "three events arrive as an equal set with their metadata, and a thousand sequential ones arrive",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const consumer = openConsumer(harness, address, group);
      const three = ["1", "2", "3"].map((value) =>
        makeEvent({ attributes: [["ext", value]], data: Buffer.from(value) }),
      );
      const positions = [];
      for (const event of three) positions.push(...(await publish(harness, address, event)));
      const byId = new Map(three.map((event) => [event.id, event]));
      const items = await receiveAndAck(consumer, 3);
      for (const item of items) assertSameEvent(item, byId.get(idOf(item)) ?? assert.fail("an event nobody sent"));
      const received = items.map(({ position }) => position);
      for (const position of positions) assert.ok(received.includes(position), "the position that publish answered");
      const many = makeEvents(SEQUENTIAL);
      for (const event of many) await publishAll(harness, address, [event]);
      assertSameIds(idsOf(await receiveAndAck(consumer, SEQUENTIAL)), idsOfEvents(many), "sequential events");
    },
  },
  {
    id: "T24",
    title: "two groups each get everything, and only what their matchers want",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const picky = harness.name();
      await harness.transport.createGroup(address, picky, { at: "latest" });
      const wanted: Matcher = { matches: ({ type }) => type === "wanted", types: ["wanted"], source: undefined };
      const all = openConsumer(harness, address, group);
      const some = openConsumer(harness, address, picky, wanted);
      const events = ["wanted", "other", "wanted", "other", "wanted"].map((type) => makeEvent({ type }));
      await publishAll(harness, address, events);
      assertSameIds(idsOf(await receiveAndAck(all, 5)), idsOfEvents(events), "the group that wants everything");
      const expected = events.filter((event) => wanted.matches(event));
      assertSameIds(idsOf(await receiveAndAck(some, 3)), idsOfEvents(expected), "the group that wants some");
    },
  },
  {
    id: "T25",
    title: "competing consumers share a group's events, and another group has its own copy",
    gate: ({ group }) => group === "shared",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(200);
      const received: string[] = [];
      const everything = Promise.withResolvers<void>();
      const done = new AbortController();
      const members = [openConsumer(harness, address, group), openConsumer(harness, address, group)];
      const running = members.map(async (member) => {
        while (!done.signal.aborted) {
          const items = await member.receive(5, done.signal);
          ackAll(member, items);
          received.push(...idsOf(items));
          if (received.length >= events.length) everything.resolve();
        }
      });
      await publishAll(harness, address, events);
      await inTime(everything.promise, "both members together");
      done.abort();
      await Promise.all(running);
      assertSameIds(received, idsOfEvents(events), "each event to one member");
    },
    async refusal(harness) {
      const { address, group } = await topicWithGroup(harness);
      const owner = openConsumer(harness, address, group);
      await publishAll(harness, address, makeEvents(1));
      await receiveAndAck(owner, 1);
      const second = openConsumer(harness, address, group);
      await assertRejects(second.receive(1, new AbortController().signal), "fenced", "a second consumer");
      await owner.close(soon());
      await publishAll(harness, address, makeEvents(1));
      await receiveAndAck(second, 1);
    },
  },
  {
    id: "T26",
    title: "a consumer that is closed and opened again gets what was published meanwhile",
    gate: ({ durable }) => durable,
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const early = makeEvents(3);
      await publishAll(harness, address, early); // before any consumer
      const first = openConsumer(harness, address, group);
      assertSameIds(idsOf(await receiveAndAck(first, 3)), idsOfEvents(early), "published before the first consumer");
      await first.close(soon());
      const meanwhile = makeEvents(5);
      await publishAll(harness, address, meanwhile);
      const second = openConsumer(harness, address, group);
      assertSameIds(idsOf(await receiveAndAck(second, 5)), idsOfEvents(meanwhile), "published meanwhile");
      await assertQuiet(harness, address, second);
    },
  },
  {
    id: "T27",
    title: "a new group starts where it was asked to, at each start that is declared, and other starts are refused",
    async run(harness) {
      await assertStart(harness, () => ({ at: "earliest" }), 0);
      await assertStart(harness, ({ time }) => ({ at: "time", time }), HALF);
      await assertStart(harness, ({ positions }) => ({ at: "position", position: positions[4] ?? "1-1" }), 4);
      await assertStart(harness, () => ({ at: "latest" }), 2 * HALF);
    },
  },
  {
    id: "T28",
    title: "stopping one of two consumers leaves the other running",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const other = harness.name();
      await harness.transport.createGroup(address, other, { at: "latest" });
      const stopping = openConsumer(harness, address, group);
      const staying = openConsumer(harness, address, other);
      await publishAll(harness, address, makeEvents(1));
      await receiveAndAck(stopping, 1);
      await receiveAndAck(staying, 1);
      await stopping.close(soon());
      const after = makeEvents(3);
      await publishAll(harness, address, after);
      assertSameIds(idsOf(await receiveAndAck(staying, 3)), idsOfEvents(after), "the one that stays");
      await assertRejects(stopping.receive(1, new AbortController().signal), "closed", "the one that was stopped");
    },
  },
  {
    id: "T29",
    title: "the order of one producer is kept",
    gate: ({ ordering, orderedPublish }) => ordering !== "none" && orderedPublish,
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const publisher = harness.transport.publisher(address);
      const events = keyedEvents(SEQUENTIAL);
      const calls = events.map((event) => publisher.publish([event], soon())); // without waiting for the one before
      await inTime(Promise.all(calls), "publish");
      const items = await receiveAndAck(openConsumer(harness, address, group), SEQUENTIAL);
      assertKeyOrder(items);
    },
  },
  {
    id: "T30",
    title: "the order of what was not received yet holds while other events are released and come again",
    gate: ({ ordering }) => ordering !== "none",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = keyedEvents(300);
      await publishAll(harness, address, events);
      const consumer = openConsumer(harness, address, group);
      const firstTime = new Map<string, Item>();
      while (firstTime.size < events.length) await receiveReleasingSome(consumer, firstTime);
      assertKeyOrder([...firstTime.values()]);
    },
  },
  {
    id: "T70",
    title: "what a closed consumer left unsettled comes in order, before what was stored later",
    gate: ({ ordering }) => ordering !== "none",
    run: (harness) => assertOrderAcross(harness, (consumer) => consumer.close(soon())),
  },
  {
    id: "T71",
    title: "what was unsettled at a restart comes in order, before what was stored later",
    gate: ({ ordering, durable }) => ordering !== "none" && durable,
    run: (harness) => assertOrderAcross(harness, () => harness.restart()),
  },
];

/** Most of one key's events are handed out and unsettled when the consumer ends; the others are stored after it. */
async function assertOrderAcross(harness: Harness, end: (consumer: Consumer) => Promise<void>): Promise<void> {
  const { address, group } = await topicWithGroup(harness);
  const events = Array.from({ length: UNSETTLED + LATER }, (_, number) =>
    makeEvent({ id: `${number}`, attributes: [["partitionkey", "one"]] }),
  );
  const consumer = openConsumer(harness, address, group);
  await publishAll(harness, address, events.slice(0, UNSETTLED));
  await receiveHeld(consumer, UNSETTLED, harness.quietMs);
  await end(consumer);
  await harness.transport.provision(address, harness.settings); // as a bus does when it starts
  await publishAll(harness, address, events.slice(UNSETTLED));
  const items = await receiveAndAck(openConsumer(harness, address, group), events.length);
  assert.deepEqual(idsOf(items), idsOfEvents(events), "all of the key, in its order");
}

/** Up to `count`, unsettled: a transport that orders by keys may hold the rest of a key back until the first is acked. */
async function receiveHeld(consumer: Consumer, count: number, quietMs: number): Promise<void> {
  let held = (await receive(consumer, count)).length;
  while (held < count) {
    const page = await inTime(consumer.receive(count - held, AbortSignal.timeout(quietMs)), "receive");
    if (page.length === 0) return;
    held += page.length;
  }
}

/** Numbered by their ids, with keys in turn. */
function keyedEvents(count: number): Event[] {
  return Array.from({ length: count }, (_, number) =>
    makeEvent({ id: `${number}`, attributes: [["partitionkey", `key-${number % KEYS}`]] }),
  );
}

/** Acks everything except every seventh event that is new, which it releases once. */
async function receiveReleasingSome(consumer: Consumer, firstTime: Map<string, Item>): Promise<void> {
  for (const item of await receive(consumer, 20)) {
    const isNew = !firstTime.has(idOf(item));
    if (isNew) firstTime.set(idOf(item), item);
    consumer.settle(item, isNew && firstTime.size % 7 === 0 ? "release" : "ack");
  }
}

function assertKeyOrder(items: readonly Item[]): void {
  const last = new Map<string, number>();
  for (const { event } of items) {
    assert.ok(!isMalformed(event));
    const key = attributeOf(event, "partitionkey") ?? assert.fail("the key is lost");
    const number = Number(event.id);
    assert.ok(number > (last.get(key) ?? -1), `event ${number} of ${key} came after ${last.get(key)}`);
    last.set(key, number);
  }
}

/** Stores one event; answers its position. */
async function publish(harness: Harness, address: string, event: Event): Promise<string[]> {
  const [result] = await harness.transport.publisher(address).publish([event], soon());
  assert.ok(result?.ok, "stored");
  return result.position === undefined ? [] : [result.position];
}

/** A moment after everything that was stored by `time`, in the milliseconds that transports keep. */
async function laterThan(time: number): Promise<number> {
  while (Date.now() <= time + 1) await new Promise((resolve) => setImmediate(resolve));
  return Date.now();
}
