/** T48–T57: restarts, deletion, closing, and whether the capabilities are true. */
import assert from "node:assert/strict";
import type { Consumer, Transport } from "../port.ts";
import type { ConformanceCase, Harness } from "./case.ts";
import { assertSameIds, idsOf, makeEvent, makeEvents } from "./events.ts";
import {
  assertFlows,
  assertRefused,
  assertRejects,
  EVERYTHING,
  inTime,
  openConsumer,
  publishAll,
  receive,
  receiveAndAck,
  receiveCount,
  soon,
  topicWithGroup,
} from "./steps.ts";

const RESTARTS = 3;
const RESOURCES = /Timeout|TCP|Pipe|MessagePort|Worker/;

export const lifecycleCases: readonly ConformanceCase[] = [
  {
    id: "T48",
    title: "restarts while events are published and received: everything confirmed arrives",
    gate: ({ durable }) => durable,
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const confirmed: string[] = [];
      const received = new Set<string>();
      for (let round = 0; round < RESTARTS; round += 1) {
        const consumer = openConsumer(harness, address, group);
        const receiving = receiveUntilClosed(consumer, received);
        const publishing = publishUntilRefused(harness.transport, address, confirmed);
        await publishing.some;
        await inTime(harness.restart(), "restart");
        await publishing.ended;
        await receiving;
      }
      const last = openConsumer(harness, address, group);
      while (!confirmed.every((id) => received.has(id))) {
        for (const id of idsOf(await receiveAndAck(last, 1))) received.add(id);
      }
    },
  },
  {
    id: "T50",
    title: "a topic and group that are deleted and created again under a consumer go on, and repeat no position",
    async run(harness) {
      const { transport, settings } = harness;
      const { address, group } = await topicWithGroup(harness);
      await publishAll(harness, address, makeEvents(3));
      const consumer = openConsumer(harness, address, group);
      const [old] = await receive(consumer, 1);
      assert.ok(old !== undefined);
      const waiting = openConsumer(harness, address, group);
      await transport.deprovision(address);
      await assertRejects(consumer.receive(9, new AbortController().signal), "not_found", "receive without a topic");
      await waiting.close(soon());
      await transport.provision(address, settings);
      await transport.createGroup(address, group, { at: "latest" });
      const young = makeEvent();
      await publishAll(harness, address, [young]);
      const [item] = await receiveCount(consumer, 1);
      assert.ok(item !== undefined);
      assert.deepEqual(idsOf([item]), [young.id], "nothing of before");
      assert.notEqual(item.position, old.position);
      assert.equal(consumer.settle(old, "ack"), false, "an item of the deleted topic");
      assert.equal(consumer.settle(item, "ack"), true);
      await transport.deleteGroup(address, group);
      await transport.deleteGroup(address, group);
      await assertRejects(consumer.receive(1, new AbortController().signal), "not_found", "receive without a group");
    },
  },
  {
    id: "T53",
    title: "close hands out nothing more, flushes what was settled, and is bounded",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(10);
      await publishAll(harness, address, events);
      const consumer = openConsumer(harness, address, group);
      const items = await receiveCount(consumer, 5);
      const acked = items.slice(0, 3);
      for (const item of acked) consumer.settle(item, "ack");
      await inTime(consumer.close(soon(5_000)), "close", 6_000);
      assert.equal(consumer.state.status, "closed");
      const next = openConsumer(harness, address, group);
      const rest = await receiveAndAck(next, 7);
      assertSameIds(
        [...idsOf(acked), ...idsOf(rest)],
        events.map(({ id }) => id),
        "what was not acked",
      );
    },
  },
  {
    id: "T54",
    title: "receive after close fails closed, closing again is safe, also at once and ten times in parallel",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const consumer = openConsumer(harness, address, group);
      const waiting = assertRejects(consumer.receive(1, new AbortController().signal), "closed", "a waiting receive");
      await inTime(Promise.all([consumer.close(soon()), consumer.close(soon())]), "two closes");
      await waiting;
      await consumer.close(soon());
      await assertRejects(consumer.receive(1, new AbortController().signal), "closed", "receive after close");
      const useAndClose = async (): Promise<void> => {
        const name = harness.name();
        await harness.transport.createGroup(address, name, { at: "latest" });
        const one = openConsumer(harness, address, name);
        const publisher = harness.transport.publisher(address);
        await publisher.publish([makeEvent()], soon());
        await receive(one);
        await Promise.all([one.close(soon()), publisher.close(soon())]);
      };
      await inTime(Promise.all(Array.from({ length: 10 }, useAndClose)), "ten at once");
      await closeWhole(harness);
    },
  },
  {
    id: "T55",
    title: "an aborted signal returns at once, and aborting a waiting receive is prompt and loses nothing",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const consumer = openConsumer(harness, address, group);
      assert.deepEqual(await inTime(consumer.receive(5, AbortSignal.abort()), "receive", 1_000), []);
      const events = makeEvents(200);
      const received: string[] = [];
      const publishing = publishAll(harness, address, events);
      while (received.length < events.length) {
        const abort = new AbortController();
        const waiting = consumer.receive(7, abort.signal);
        if (received.length % 3 === 0) setImmediate(() => abort.abort());
        const items = await inTime(waiting, "an aborted or filled receive");
        received.push(...idsOf(items));
        for (const item of items) consumer.settle(item, "ack");
      }
      await publishing;
      assertSameIds(
        received,
        events.map(({ id }) => id),
        "under aborts",
      );
      const idle = new AbortController();
      const waiting = consumer.receive(1, idle.signal);
      idle.abort();
      assert.deepEqual(await inTime(waiting, "an aborted receive", 1_000), []);
      await assertFlows(harness.transport, address, consumer);
    },
  },
  {
    id: "T56",
    title: "after close no timer, socket or thread is left",
    async run(harness) {
      await openAndClose(harness);
      const before = resources();
      for (let more = 0; more < 4; more += 1) await openAndClose(harness); // a leak outgrows what happens to end meanwhile
      await untilNoMoreThan(before);
    },
  },
  {
    id: "T57",
    title: "the capabilities are what the transport does",
    async run(harness) {
      const { transport } = harness;
      const { capabilities } = transport;
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(3);
      await publishAll(harness, address, events);
      const stats = await transport.stats(address, group);
      assert.equal(stats.backlog, capabilities.stats.backlog ? 3 : undefined, "backlog");
      assert.equal(stats.oldestAt !== undefined, capabilities.stats.oldest, "age of the oldest");
      const consumer = openConsumer(harness, address, group);
      const [item] = await receiveCount(consumer, 1);
      assert.equal(item?.deliveries !== undefined, capabilities.deliveryCount, "delivery count");
      await assertReplay(harness, address, events.length);
      await assertFind(harness, address, events[1]?.id ?? "");
    },
  },
];

/** Settles what comes until the consumer is closed by a restart. */
async function receiveUntilClosed(consumer: Consumer, received: Set<string>): Promise<void> {
  const { signal } = new AbortController();
  for (;;) {
    const items = await consumer.receive(10, signal).catch(() => undefined);
    if (items === undefined) return;
    for (const id of idsOf(items)) received.add(id);
    for (const item of items) consumer.settle(item, "ack");
  }
}

/** Publishes one by one until the transport is closed; `some` resolves when a few are confirmed. */
function publishUntilRefused(transport: Transport, address: string, confirmed: string[]) {
  const some = Promise.withResolvers<void>();
  const publisher = transport.publisher(address);
  const publish = async (): Promise<void> => {
    for (let count = 0; ; count += 1) {
      const event = makeEvent();
      const [result] = await publisher.publish([event], soon());
      if (!result?.ok) return;
      confirmed.push(event.id);
      if (count === 50) some.resolve();
    }
  };
  return { some: inTime(some.promise, "the first confirms"), ended: publish() };
}

/** A whole life of a transport, with everything of it in use. */
async function openAndClose(harness: Harness): Promise<void> {
  const { transport, dispose } = await harness.open();
  const address = harness.name();
  await transport.provision(address, harness.settings);
  await transport.createGroup(address, "group", { at: "latest" });
  await assertFlows(transport, address, transport.consumer(address, "group", { matcher: EVERYTHING }));
  await inTime(transport.close(soon()), "close");
  await inTime(dispose(), "dispose");
}

async function closeWhole(harness: Harness): Promise<void> {
  const { transport, dispose } = await harness.open();
  const publisher = transport.publisher(harness.name());
  const consumer = transport.consumer(harness.name(), harness.name(), { matcher: EVERYTHING });
  await inTime(Promise.all([transport.close(soon()), transport.close(soon())]), "closing a transport twice");
  await assertRejects(transport.check(), "closed", "check after close");
  await assertRejects(consumer.receive(1, new AbortController().signal), "closed", "receive after close");
  const late = transport.consumer(harness.name(), harness.name(), { matcher: EVERYTHING });
  await assertRejects(late.receive(1, new AbortController().signal), "closed", "a consumer opened after close");
  const [result] = await publisher.publish([makeEvent()], soon());
  assertRefused(result, "closed");
  await dispose();
}

async function assertReplay({ transport }: Harness, address: string, count: number): Promise<void> {
  const reading = transport.read(address, { at: "earliest" }, 2);
  if (transport.capabilities.replay === "none") {
    await assertRejects(reading, "invalid", "read where replay is not declared");
    return;
  }
  const first = await inTime(reading, "read");
  assert.equal(first.items.length, 2);
  assert.ok(first.next !== undefined, "there is more");
  const second = await transport.read(address, { at: "position", position: first.next }, 100);
  assert.equal(second.items.length, count - 2);
  assert.equal(second.next, undefined, "that was the end");
}

async function assertFind({ transport }: Harness, address: string, id: string): Promise<void> {
  const finding = transport.find(address, { source: "/conformance", id });
  if (!transport.capabilities.find) {
    await assertRejects(finding, "invalid", "find where it is not declared");
    return;
  }
  const { items, complete } = await inTime(finding, "find");
  assert.deepEqual(idsOf(items), [id]);
  assert.equal(complete, true);
}

function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => RESOURCES.test(name)).length;
}

async function untilNoMoreThan(count: number): Promise<void> {
  const deadline = soon(5_000);
  while (resources() > count) {
    assert.ok(Date.now() < deadline, `left behind: ${process.getActiveResourcesInfo().join(", ")}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
