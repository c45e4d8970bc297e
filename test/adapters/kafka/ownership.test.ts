/** A group belongs to one process of one bus. */
import { Kafka } from "kafkajs";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { idsOf, makeEvents } from "../../../src/transport/conformance/events.ts";
import { receiveCount } from "../../../src/transport/conformance/steps.ts";
import type { Consumer, Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { EVERYTHING, openKafka, soon, topicSettings, uniqueName } from "./instance.ts";

await describeBroker("kafka", "the owner of a Kafka group", (server) => {
  const open: Transport[] = [];
  let transport: Transport;
  let address: string;
  let group: string;

  beforeAll(async () => {
    transport = await openKafka(server);
    address = uniqueName();
    await transport.provision(address, topicSettings());
  });

  afterEach(async () => {
    for (const other of open.splice(0)) await other.close(soon());
  });

  afterAll(async () => {
    await transport.deprovision(address);
    await transport.close(soon());
  });

  /** Another process, of the same bus unless it is told otherwise. */
  async function process(busId = "test"): Promise<Transport> {
    const other = await openKafka(server, { busId });
    open.push(other);
    return other;
  }

  async function newGroup(): Promise<void> {
    group = uniqueName();
    await transport.createGroup(address, group, { at: "latest" });
  }

  function consume(owner: Transport): Consumer {
    return owner.consumer(address, group, { matcher: EVERYTHING });
  }

  async function publish(count: number): Promise<string[]> {
    const events = makeEvents(count);
    await transport.publisher(address).publish(events, soon());
    return events.map(({ id }) => id);
  }

  it("is the process that came last; the one before is told, and does not take the group back", async () => {
    await newGroup();
    const ids = await publish(4);
    const first = consume(await process());
    const [old] = await receiveCount(first, 1);
    const second = consume(await process());
    const items = await receiveCount(second, 4);
    expect(idsOf(items)).toEqual(ids);
    expect(items[0]?.redelivered).toBe(true);
    const told = first
      .receive(10, AbortSignal.timeout(20_000))
      .then(() => first.receive(10, AbortSignal.timeout(20_000)));
    await expect(told).rejects.toMatchObject({ code: "fenced", retryable: false });
    await expect(first.receive(1, AbortSignal.timeout(1))).rejects.toMatchObject({ code: "fenced" });
    expect(old && first.settle(old, "ack")).toBe(false);
    for (const item of items) expect(second.settle(item, "ack")).toBe(true);
    const more = await publish(2);
    expect(idsOf(await receiveCount(second, 2))).toEqual(more);
  });

  it("can't commit once it was displaced, whatever it settles before it is told", async () => {
    await newGroup();
    const ids = await publish(3);
    const first = consume(await process());
    const held = await receiveCount(first, 3);
    const second = consume(await process());
    await receiveCount(second, 3);
    for (const item of held) first.settle(item, "ack"); // its heartbeat has not told it yet
    await first.close(soon());
    await second.close(soon());
    const third = consume(await process());
    expect(idsOf(await receiveCount(third, 3))).toEqual(ids);
  });

  it("is one for each bus: two buses have groups of their own", async () => {
    await newGroup();
    const other = await process("another bus");
    await other.createGroup(address, group, { at: "latest" });
    const ids = await publish(2);
    expect(idsOf(await receiveCount(consume(await process()), 2))).toEqual(ids);
    expect(idsOf(await receiveCount(consume(other), 2))).toEqual(ids);
  });

  it("takes a group that a crashed process left over at once, and repeats only what that one had not settled", async () => {
    await newGroup();
    const ids = await publish(10);
    const crashed = consume(await process());
    const items = await receiveCount(crashed, 10);
    for (const [index, item] of items.entries()) if (index % 3 !== 0) crashed.settle(item, "ack");
    await expect.poll(() => transport.progress(address, group, items[8]?.position ?? "")).toBe("settled");
    const next = consume(await process()); // the first one has not left the group
    const again = await receiveCount(next, 4);
    expect(idsOf(again)).toEqual(ids.filter((_, index) => index % 3 === 0));
    expect(again.every(({ redelivered }) => redelivered)).toBe(true);
  });

  it("is refused where consumers of another application are in the group", async () => {
    await newGroup();
    const kafka = new Kafka({ clientId: "foreign", brokers: server.split(","), logLevel: 0 });
    const foreign = kafka.consumer({ groupId: `pulsebus.test.${group}` });
    await foreign.connect();
    await foreign.subscribe({ topic: address });
    const joined = new Promise<void>((resolve) => foreign.on(foreign.events.GROUP_JOIN, () => resolve()));
    await foreign.run({ eachMessage: async () => {} });
    await joined;
    const consumer = consume(await process());
    await expect(consumer.receive(1, AbortSignal.timeout(20_000))).rejects.toMatchObject({ code: "fenced" });
    await foreign.disconnect();
  });

  it("takes the offsets that an operator set with Kafka's own tools", async () => {
    await newGroup();
    const ids = await publish(3);
    const first = consume(await process());
    for (const item of await receiveCount(first, 3)) first.settle(item, "ack");
    await first.close(soon());
    const admin = new Kafka({ clientId: "operator", brokers: server.split(","), logLevel: 0 }).admin();
    await admin.connect();
    const groupId = `pulsebus.test.${group}`;
    const [before] = await admin.fetchOffsets({ groupId, topics: [address] });
    const offset = `${Number(before?.partitions[0]?.offset) - 2}`;
    await admin.setOffsets({ groupId, topic: address, partitions: [{ partition: 0, offset }] });
    await admin.disconnect();
    const next = consume(await process());
    expect(idsOf(await receiveCount(next, 2))).toEqual(ids.slice(1));
  });
});
