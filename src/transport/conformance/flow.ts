/** T43–T46: how much, and when. */
import assert from "node:assert/strict";
import type { ConformanceCase } from "./case.ts";
import { assertSameIds, idsOf, makeEvents } from "./events.ts";
import {
  ackAll,
  backlogOf,
  inTime,
  openConsumer,
  publishAll,
  publishInPages,
  receive,
  receiveAndAck,
  receiveCount,
  releaseAll,
  soon,
  topicWithGroup,
} from "./steps.ts";

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
      const events = makeEvents(backlogOf(harness));
      await publishInPages(harness, address, events);
      const consumer = openConsumer(harness, address, group);
      const part = events.length / 10;
      const unsettled = await receiveCount(consumer, 2 * part);
      ackAll(consumer, unsettled.slice(0, part));
      releaseAll(consumer, unsettled.slice(part));
      const rest = await receiveAndAck(consumer, events.length - part);
      const ids = idsOf([...unsettled.slice(0, part), ...rest]);
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
      const events = makeEvents(backlogOf(harness));
      const ids = events.map(({ id }) => id);
      const reading = receiveAndAck(fastConsumer, events.length);
      await publishInPages(harness, address, events);
      assertSameIds(idsOf(await inTime(reading, "the fast group")), ids, "the fast group");
      ackAll(slowConsumer, held);
      assertSameIds(idsOf(await receiveAndAck(slowConsumer, events.length)), ids, "the slow group, later");
      await slowConsumer.close(soon());
    },
  },
];
