/** A broker that dies and comes back, and a membership that the broker has forgotten, under a transport that lives on. */
import { once } from "node:events";
import { connect } from "node:net";
import { Admin } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "vitest";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import type { Consumer, Item, Transport } from "../../../src/transport/port.ts";
import { describeOwnBroker } from "../../support/brokers.ts";
import { EVERYTHING, openKafka, soon, topicSettings, uniqueName } from "./instance.ts";

/** The process of a killed Java ends before the system has closed its sockets. */
async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port });
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (!isOpen) return;
  }
}

const ROUNDS = 2;
const RECOVERY_MS = 5_000;
const TEST_MS = 180_000;

describeOwnBroker("kafka", "a Kafka broker that fails", (broker) => {
  let transport: Transport;

  beforeAll(async () => {
    transport = await openKafka(broker.address);
  });

  afterAll(() => transport.close(soon()), 60_000);

  async function topicWithConsumer(): Promise<{ address: string; group: string; consumer: Consumer }> {
    const [address, group] = [uniqueName(), uniqueName()];
    await transport.provision(address, topicSettings({ options: { partitions: 2 } }));
    await transport.createGroup(address, group, { at: "latest" });
    return { address, group, consumer: transport.consumer(address, group, { matcher: EVERYTHING }) };
  }

  it("is killed and started again while events flow: publishing and receiving go on, and nothing is lost", {
    timeout: TEST_MS,
  }, async () => {
    const { address, consumer } = await topicWithConsumer();
    const [confirmed, refused, received] = [[] as string[], new Set<string>(), [] as string[]];
    const done = new AbortController();
    const publisher = transport.publisher(address);
    const publishing = (async () => {
      while (!done.signal.aborted) {
        const event = makeEvent();
        const [result] = await publisher.publish([event], soon(2_000));
        if (result?.ok) confirmed.push(event.id);
        else if (result?.stored === "no") refused.add(event.id);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const receiving = (async () => {
      while (!done.signal.aborted) {
        const items = await consumer.receive(50, done.signal);
        received.push(...idsOf(items));
        for (const item of items) consumer.settle(item, "ack");
      }
    })();
    for (let round = 0; round < ROUNDS; round += 1) {
      await expect.poll(() => received.length, { timeout: 20_000 }).toBeGreaterThan(50 * (round + 1));
      await broker.kill();
      await untilRefused(broker.port);
      await broker.start();
      const [before, seen] = [confirmed.length, received.length];
      await expect.poll(() => confirmed.length, { timeout: RECOVERY_MS }).toBeGreaterThan(before);
      await expect.poll(() => received.length, { timeout: RECOVERY_MS }).toBeGreaterThan(seen);
    }
    await expect.poll(() => confirmed.every((id) => received.includes(id)), { timeout: 20_000 }).toBe(true);
    done.abort();
    await Promise.all([publishing, receiving]);
    await consumer.close(soon());
    expect(received.filter((id) => refused.has(id))).toEqual([]);
    expect(received).toHaveLength(new Set(received).size); // its partitions stand where it left them
  });

  it("has forgotten the member: it joins again, and what is open stays its own to settle", {
    timeout: TEST_MS,
  }, async () => {
    const { address, group, consumer } = await topicWithConsumer();
    const ids = makeEvents(4);
    await transport.publisher(address).publish(ids, soon());
    const items: Item[] = [];
    while (items.length < 4) items.push(...(await consumer.receive(4, AbortSignal.timeout(20_000))));
    const admin = new Admin({ clientId: "operator", bootstrapBrokers: [broker.address] });
    const groupId = `pulsebus.test.${group}`;
    await admin.removeMembersFromConsumerGroup({ groupId, members: null });
    const states = async () => (await admin.describeGroups({ groups: [groupId] })).get(groupId)?.state;
    expect(await states()).toBe("Empty");
    await expect.poll(states, { timeout: 20_000 }).toBe("Stable");
    await admin.close();
    for (const item of items) expect(consumer.settle(item, "ack")).toBe(true);
    const more = makeEvents(2);
    await transport.publisher(address).publish(more, soon());
    const later: Item[] = [];
    while (later.length < 2) later.push(...(await consumer.receive(4, AbortSignal.timeout(20_000))));
    expect(idsOf(later)).toEqual(more.map(({ id }) => id));
    await consumer.close(soon());
    const { backlog } = await transport.stats(address, group);
    expect(backlog).toBe(2); // the later ones, which were not settled
  });
});
