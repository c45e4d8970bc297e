/** T43–T46: how much, and when. */
import assert from "node:assert/strict";
import type { ConformanceCase } from "./case.ts";
import { assertSameIds, idsOf, makeEvents } from "./events.ts";
import {
  ackAll,
  inTime,
  openConsumer,
  publishAll,
  receive,
  receiveAndAck,
  receiveCount,
  releaseAll,
  soon,
  topicWithGroup,
} from "./steps.ts";

/** More than any adapter keeps ready in memory. */
const BACKLOG = 10_000;

export const flowCases: readonly ConformanceCase[] = [
  {
    id: "T43",
    title: "nothing is handed out but what was asked for: one means one",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(5);
      await publishAll(harness, address, events);
      const consumer = openConsumer(harness, address, group);
      const ids: string[] = [];
      while (ids.length < events.length) {
        const items = await receive(consumer, 1);
        assert.equal(items.length, 1);
        ids.push(...idsOf(items));
        ackAll(consumer, items);
      }
      assertSameIds(
        ids,
        events.map(({ id }) => id),
        "one by one",
      );
    },
  },
  {
    id: "T44",
    title: "with many unsettled events it goes on when they are settled, and loses none of them",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(BACKLOG);
      for (let at = 0; at < BACKLOG; at += 1_000) await publishAll(harness, address, events.slice(at, at + 1_000));
      const consumer = openConsumer(harness, address, group);
      const unsettled = await receiveCount(consumer, 2_000);
      ackAll(consumer, unsettled.slice(0, 1_000));
      releaseAll(consumer, unsettled.slice(1_000));
      const rest = await receiveAndAck(consumer, BACKLOG - 1_000);
      const ids = idsOf([...unsettled.slice(0, 1_000), ...rest]);
      assertSameIds(
        ids,
        events.map(({ id }) => id),
        "the whole backlog",
      );
    },
  },
  {
    id: "T45",
    title: "receive waits for the first event, never gives more than max, and does not wait to fill",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const consumer = openConsumer(harness, address, group);
      const waiting = consumer.receive(10, new AbortController().signal);
      await publishAll(harness, address, makeEvents(1));
      const first = await inTime(waiting, "a receive that waited");
      assert.equal(first.length, 1, "it does not wait to fill");
      ackAll(consumer, first);
      await publishAll(harness, address, makeEvents(25));
      let count = 0;
      while (count < 25) {
        const items = await receive(consumer, 10);
        assert.ok(items.length <= 10);
        ackAll(consumer, items);
        count += items.length;
      }
    },
  },
  {
    id: "T46",
    title: "a group that does not receive holds up neither publishers nor another group",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const slow = harness.name();
      await harness.transport.createGroup(address, slow, { at: "latest" });
      const fastConsumer = openConsumer(harness, address, group);
      const slowConsumer = openConsumer(harness, address, slow);
      await publishAll(harness, address, makeEvents(1));
      const held = await receiveCount(slowConsumer, 1); // it works, then it stops
      await receiveAndAck(fastConsumer, 1);
      const events = makeEvents(BACKLOG);
      const ids = events.map(({ id }) => id);
      const reading = receiveAndAck(fastConsumer, BACKLOG);
      for (let at = 0; at < BACKLOG; at += 500) await publishAll(harness, address, events.slice(at, at + 500));
      assertSameIds(idsOf(await inTime(reading, "the fast group")), ids, "the fast group");
      ackAll(slowConsumer, held);
      assertSameIds(idsOf(await receiveAndAck(slowConsumer, BACKLOG)), ids, "the slow group, later");
      await slowConsumer.close(soon());
    },
  },
];
