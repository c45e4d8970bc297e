/** T31–T41, T51: acks and releases. */
import assert from "node:assert/strict";
import type { Consumer } from "../port.ts";
import type { ConformanceCase, Harness } from "./case.ts";
import { assertSameIds, idOf, idsOf, makeEvents } from "./events.ts";
import {
  ackAll,
  assertFlows,
  assertQuiet,
  backlogOf,
  duringOutage,
  inTime,
  openConsumer,
  publishAll,
  publishRecovered,
  receive,
  receiveAndAck,
  receiveCount,
  releaseAll,
  soon,
  topicWithGroup,
  until,
  untilManageable,
} from "./steps.ts";

const RELEASES = 100;

/** A topic with `count` events that one consumer has received and not settled. */
async function received(harness: Harness, count: number) {
  const { address, group } = await topicWithGroup(harness);
  const events = makeEvents(count);
  await publishAll(harness, address, events);
  const consumer = openConsumer(harness, address, group);
  const items = await receiveCount(consumer, count);
  const ids = idsOf(items);
  assertSameIds(
    ids,
    events.map(({ id }) => id),
    "what was published",
  );
  return { address, group, consumer, items, ids };
}

export const settlementCases: readonly ConformanceCase[] = [
  {
    id: "T31",
    title: "releasing all brings the same set back, marked as redelivered, and an ack ends it",
    async run(harness) {
      const { address, consumer, items, ids } = await received(harness, 20);
      releaseAll(consumer, items);
      const again = await receiveCount(consumer, items.length);
      assertSameIds(idsOf(again), ids, "the set that was released");
      for (const item of again) assert.equal(item.redelivered, true, "a released event is a redelivered one");
      ackAll(consumer, again);
      await assertQuiet(harness, address, consumer);
    },
  },
  {
    id: "T32",
    title: "an acked event is not redelivered: not after idling, not after opening again",
    async run(harness) {
      const { address, group, consumer, items } = await received(harness, 10);
      ackAll(consumer, items);
      await assertQuiet(harness, address, consumer);
      await consumer.close(soon());
      await assertQuiet(harness, address, openConsumer(harness, address, group));
    },
  },
  {
    id: "T33",
    title: "settling twice changes nothing, and a release after an ack brings nothing back",
    async run(harness) {
      const { address, consumer, items } = await received(harness, 3);
      const [first, second, third] = items;
      assert.ok(first && second && third);
      ackAll(consumer, [first, second]);
      assert.equal(consumer.settle(first, "ack"), false, "the second ack is known to be too late");
      assert.equal(consumer.settle(second, "release"), false, "a release after an ack is known to be too late");
      releaseAll(consumer, [third]);
      const [again] = await receiveAndAck(consumer, 1);
      assert.deepEqual(again && idsOf([again]), idsOf([third]), "only what was released comes again");
      await assertQuiet(harness, address, consumer);
    },
  },
  {
    id: "T34",
    title: "settling does not wait, and thousands of acks in one turn are all kept",
    async run(harness) {
      const { address, group, consumer, items } = await received(harness, Math.min(3_000, backlogOf(harness)));
      ackAll(consumer, items); // one turn of the event loop: nothing of it can have waited
      await consumer.close(soon());
      await assertQuiet(harness, address, openConsumer(harness, address, group));
    },
  },
  {
    id: "T35",
    title: "what a closed consumer left unsettled is redelivered with its positions",
    async run(harness) {
      const { address, group, consumer, items, ids } = await received(harness, 10);
      ackAll(consumer, items.slice(0, 4));
      await consumer.close(soon());
      const next = openConsumer(harness, address, group);
      const again = await receiveCount(next, 6);
      assertSameIds(idsOf(again), ids.slice(4), "what was unsettled");
      for (const item of again) {
        assert.equal(item.redelivered, true);
        if (harness.transport.capabilities.deliveryCount) assert.ok((item.deliveries ?? 0) >= 2, "the count");
      }
      const positions = new Set(items.map(({ position }) => position));
      for (const { position } of again) assert.ok(positions.has(position), "the position is the same as before");
      ackAll(next, again);
      await assertQuiet(harness, address, next);
    },
  },
  {
    id: "T36",
    title: "a stale ack never acks another event",
    async run(harness) {
      const { address, group, consumer, items, ids } = await received(harness, 5);
      await consumer.close(soon());
      const next = openConsumer(harness, address, group);
      const again = await receiveCount(next, 5);
      for (const stale of items) {
        assert.equal(consumer.settle(stale, "ack"), false, "an ack through a closed consumer");
        assert.equal(next.settle(stale, "ack"), false, "an ack of an item of an earlier consumer");
      }
      releaseAll(next, again);
      assertSameIds(idsOf(await receiveAndAck(next, 5)), ids, "all are still owed");
      await assertQuiet(harness, address, next);
      await acksAfterOutage(harness);
    },
  },
  {
    id: "T37",
    title: "a settlement that fails does not stop the subscription",
    async run(harness) {
      const { address, consumer, items } = await received(harness, 2);
      const foreign = { ...(items[0] ?? assert.fail("no item")) };
      assert.equal(consumer.settle(foreign, "ack"), false, "an item that the consumer never gave out");
      ackAll(consumer, items);
      assert.equal(consumer.settle(items[1] ?? foreign, "release"), false);
      await assertFlows(harness.transport, address, consumer);
      await settlesInOutage(harness);
    },
  },
  {
    id: "T38",
    title: "settling out of order never moves the group past an open event",
    async run(harness) {
      const { address, group, consumer, items, ids } = await received(harness, 30);
      const isOpen = (index: number): boolean => index % 7 === 0;
      ackAll(consumer, items.filter((_, index) => !isOpen(index)).toReversed());
      await harness.restart();
      const next = openConsumer(harness, address, group);
      const open = ids.filter((_, index) => isOpen(index));
      if (harness.keepsAcks === "offset") {
        await receiveUntil(next, open);
        return;
      }
      const again = await receiveAndAck(next, open.length);
      assertSameIds(idsOf(again), open, "exactly what was open");
      for (const { redelivered } of again) assert.equal(redelivered, true);
      await assertQuiet(harness, address, next);
    },
  },
  {
    id: "T40",
    title: "a hundred releases in a row, then a healthy consumer receives all",
    async run(harness) {
      const { address, group, consumer, items, ids } = await received(harness, 10);
      releaseAll(consumer, items);
      let released = 0;
      while (released < RELEASES) {
        const page = await receive(consumer, 10);
        releaseAll(consumer, page);
        released += page.length;
      }
      await inTime(consumer.close(soon()), "close");
      const healthy = openConsumer(harness, address, group);
      assertSameIds(idsOf(await receiveAndAck(healthy, ids.length)), ids, "all that was released");
      await assertQuiet(harness, address, healthy);
    },
  },
  {
    id: "T41",
    title: "an event that is held longer than the broker's own lease is not handed out again",
    async run(harness) {
      const { address, consumer, items } = await received(harness, 2);
      const holding = harness.leaseMs === undefined ? harness.quietMs : 2.5 * harness.leaseMs;
      const meanwhile = consumer.receive(9, AbortSignal.timeout(holding));
      assert.deepEqual(idsOf(await inTime(meanwhile, "receive", 2 * holding + 5_000)), [], "redelivered while held");
      ackAll(consumer, items);
      await assertQuiet(harness, address, consumer);
    },
  },
  {
    id: "T51",
    title: "releases here and there by all members of a group lose nothing",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(300);
      const acked: string[] = [];
      const done = new AbortController();
      const members = harness.transport.capabilities.group === "shared" ? 3 : 1;
      const running = Array.from({ length: members }, async () => {
        const consumer = openConsumer(harness, address, group);
        for (let count = 0; !done.signal.aborted; ) {
          for (const item of await consumer.receive(7, done.signal)) {
            count += 1;
            if (count % 3 === 0) releaseAll(consumer, [item]);
            else {
              ackAll(consumer, [item]);
              acked.push(idOf(item));
            }
          }
        }
      });
      await publishAll(harness, address, events);
      await until(() => acked.length >= events.length, "every event is acked");
      done.abort();
      await inTime(Promise.all(running), "the members");
      assertSameIds(
        acked,
        events.map(({ id }) => id),
        "each event is acked once",
      );
    },
  },
];

/** Acks and releases through handles from before an outage: whatever they do, no other event is acked by them. */
async function acksAfterOutage(harness: Harness): Promise<void> {
  if (harness.outage === undefined) return;
  const { address, consumer, items, ids } = await received(harness, 8);
  await duringOutage(harness, "cut", async () => {});
  const later = makeEvents(8); // new deliveries, which may get the numbers of old ones
  await publishRecovered(harness, address, later);
  const owed = [...ids.slice(4), ...later.map(({ id }) => id)];
  for (const [index, item] of items.entries()) {
    const isTaken = consumer.settle(item, index < 4 ? "ack" : "release");
    if (!isTaken && index < 4) owed.push(idOf(item));
  }
  await receiveUntil(consumer, owed);
  await untilManageable(harness);
}

/** What is settled while nothing gets through: the consumer outlasts it, and what was released comes again. */
async function settlesInOutage(harness: Harness): Promise<void> {
  if (harness.outage === undefined) return;
  const { address, consumer, items, ids } = await received(harness, 4);
  await duringOutage(harness, "cut", async () => {
    for (const [index, item] of items.entries()) consumer.settle(item, index < 2 ? "ack" : "release");
  });
  const later = makeEvents(1);
  await publishRecovered(harness, address, later);
  await receiveUntil(consumer, [...ids.slice(2), ...later.map(({ id }) => id)]);
  await untilManageable(harness);
}

/** Acks what comes until all of these have come, in any order and perhaps with others. */
async function receiveUntil(consumer: Consumer, ids: readonly string[]): Promise<void> {
  const missing = new Set(ids);
  while (missing.size > 0) {
    for (const item of await receive(consumer)) {
      missing.delete(idOf(item));
      consumer.settle(item, "ack");
    }
  }
}
