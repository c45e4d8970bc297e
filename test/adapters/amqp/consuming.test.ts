import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAILBOX_IDLE_MS } from "../../../src/limits.ts";
import { idsOf, makeEvents } from "../../../src/transport/conformance/events.ts";
import type { Item, Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { openConsumer, openNative, openTransport, receive, soon, through, topicWithGroup } from "./rabbit.ts";

/** A dead owner is one that missed three heartbeats. */
const HEARTBEAT_SECONDS = 1;

await describeBroker("amqp", "consumers on RabbitMQ", (url) => {
  let transport: Transport;

  beforeAll(async () => {
    transport = await openTransport(url, { prefetch: 10, heartbeat: HEARTBEAT_SECONDS });
  });

  afterAll(() => transport.close(soon()));

  it("hand out any number of unsettled events in order, and read only the prefetch ahead", async () => {
    const { address, group, publisher, consumer } = await topicWithGroup(transport);
    const events = makeEvents(100);
    await publisher.publish(events, soon());
    const items = await receive(consumer, 75);
    expect(idsOf(items)).toEqual(events.slice(0, 75).map(({ id }) => id));
    const { backlog } = await transport.stats(address, group);
    expect(backlog).toBeGreaterThanOrEqual(100 - 75 - 2 * 10);
    for (const item of items) consumer.settle(item, "ack");
    expect(idsOf(await receive(consumer, 25))).toEqual(events.slice(75).map(({ id }) => id));
    await transport.deprovision(address);
  });

  it("get everything once and in order while windows follow each other under load", async () => {
    const { address, publisher, consumer } = await topicWithGroup(transport);
    const events = makeEvents(5_000);
    await publisher.publish(events, soon());
    const received: Item[] = [];
    const unsettled: Item[] = [];
    while (received.length < events.length) {
      const items = await consumer.receive(5, AbortSignal.timeout(10_000));
      if (items.length === 0) throw new Error(`only ${received.length} came`);
      received.push(...items);
      unsettled.push(...items);
      // More than a window stays unsettled now and then, and acks go out while the next one is opened.
      if (unsettled.length > 15) for (const item of unsettled.splice(0, 12)) consumer.settle(item, "ack");
    }
    expect(received.filter(({ redelivered }) => redelivered)).toEqual([]);
    expect(idsOf(received)).toEqual(events.map(({ id }) => id));
    await transport.deprovision(address);
  });

  it("bring an event back more often than any limit of the broker", async () => {
    const { address, publisher, consumer } = await topicWithGroup(transport);
    await publisher.publish(makeEvents(1), soon());
    for (let round = 1; round <= 30; round += 1) {
      const [item] = await receive(consumer, 1);
      expect(item).toMatchObject({ redelivered: round > 1, deliveries: round });
      if (item !== undefined) consumer.settle(item, "release");
    }
    await transport.deprovision(address);
  });

  it("hand back what they read ahead once nobody receives, in its place, keep what was handed out, and keep the group", async () => {
    const { address, group, publisher, consumer } = await topicWithGroup(transport);
    const events = makeEvents(40);
    await publisher.publish(events, soon());
    const [first] = await receive(consumer, 1);
    await eventually(
      async () => expect((await transport.stats(address, group)).backlog).toBe(39),
      MAILBOX_IDLE_MS + 5_000,
    );
    const other = await openTransport(url, { heartbeat: HEARTBEAT_SECONDS });
    const second = openConsumer(other, address, group).receive(1, AbortSignal.timeout(20_000));
    await expect(second).rejects.toMatchObject({ code: "fenced", retryable: false });
    expect(first !== undefined && consumer.settle(first, "ack")).toBe(true);
    const rest = await receive(consumer, 39);
    expect(idsOf(rest)).toEqual(events.slice(1).map(({ id }) => id));
    await other.close(soon());
    await transport.deprovision(address);
  }, 60_000);

  it("refuse a group that a native client consumes", async () => {
    const { address, group, consumer } = await topicWithGroup(transport);
    const native = await openNative(url);
    const channel = await native.createChannel();
    await channel.consume(`pulsebus/${address}/${group}`, () => undefined);
    await expect(consumer.receive(1, AbortSignal.timeout(20_000))).rejects.toMatchObject({ code: "fenced" });
    await native.close();
    await transport.deprovision(address);
  });

  it("take a group over from a process that is gone, once the broker has noticed", async () => {
    const proxy = await FaultProxy.open(Number(new URL(url).port));
    const dying = await openTransport(through(proxy, url), { heartbeat: HEARTBEAT_SECONDS });
    const { address, group, publisher, consumer } = await topicWithGroup(dying);
    await publisher.publish(makeEvents(3), soon());
    const lost = await receive(consumer, 3);
    proxy.halfOpen();
    const heir = openConsumer(transport, address, group);
    const taken = await receive(heir, 3, 25_000);
    expect(new Set(taken.map(({ position }) => position))).toEqual(new Set(lost.map(({ position }) => position)));
    for (const item of taken) expect(item.redelivered).toBe(true);
    await eventually(() => expect(lost.map((item) => consumer.settle(item, "ack"))).toEqual([false, false, false]));
    await dying.close(soon(2_000));
    await proxy.close();
    await transport.deprovision(address);
  }, 60_000);

  describe("when acks are on their way", () => {
    it("keep each of thousands that are settled in one turn before they close", async () => {
      const { address, group, publisher, consumer } = await topicWithGroup(transport);
      await publisher.publish(makeEvents(2_000), soon());
      for (const item of await receive(consumer, 2_000)) consumer.settle(item, "ack");
      await consumer.close(soon());
      expect((await transport.stats(address, group)).backlog).toBe(0);
      await transport.deprovision(address);
    });
  });
});
