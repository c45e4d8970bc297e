/** What happens to a log besides appending: retention, compaction, transactions, more partitions. */
import { Kafka } from "kafkajs";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Logger } from "../../../src/runtime/logger.ts";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import { receiveCount } from "../../../src/transport/conformance/steps.ts";
import type { Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { EVERYTHING, openKafka, SILENT, soon, topicSettings, uniqueName } from "./instance.ts";

const HEADERS = { ce_specversion: "1.0", ce_source: "/x", ce_type: "t" };

await describeBroker("kafka", "the log of a Kafka topic", (server) => {
  const kafka = new Kafka({ clientId: "operator", brokers: server.split(","), logLevel: 0 });
  const admin = kafka.admin();
  const addresses: string[] = [];
  const warnings: string[] = [];
  const logger: Logger = { ...SILENT, warn: (_, message) => warnings.push(message) };
  let transport: Transport;

  beforeAll(async () => {
    transport = await openKafka(server, { logger });
    await admin.connect();
  });

  afterAll(async () => {
    for (const address of addresses) await transport.deprovision(address);
    await admin.disconnect();
    await transport.close(soon());
  });

  async function topicWithGroup(options: Record<string, unknown> = {}): Promise<{ address: string; group: string }> {
    const [address, group] = [uniqueName(), uniqueName()];
    addresses.push(address);
    await transport.provision(address, topicSettings({ options: { partitions: 1, ...options } }));
    await transport.createGroup(address, group, { at: "earliest" });
    return { address, group };
  }

  async function publish(address: string, count: number): Promise<string[]> {
    const events = makeEvents(count);
    await transport.publisher(address).publish(events, soon());
    return events.map(({ id }) => id);
  }

  it("lost events that a group had not read: they are told, counted, and the rest is read", async () => {
    const { address, group } = await topicWithGroup();
    const ids = await publish(address, 10);
    await admin.fetchTopicOffsets(address); // kafkajs has to know the topic
    await admin.deleteTopicRecords({ topic: address, partitions: [{ partition: 0, offset: "6" }] });
    const consumer = transport.consumer(address, group, { matcher: EVERYTHING });
    expect(idsOf(await receiveCount(consumer, 4))).toEqual(ids.slice(6));
    expect(consumer.state.skipped).toBe(6);
    expect(await transport.stats(address, group)).toMatchObject({ backlog: 0, skipped: 6 });
    expect(warnings.join()).toContain("retention took events");
    await consumer.close(soon());
  });

  it("ends with markers of transactions: they and aborted records are not seen, and leave no backlog", async () => {
    const { address, group } = await topicWithGroup();
    const producer = kafka.producer({ transactionalId: uniqueName(), maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const [id, isAborted] of [
      ["1", false],
      ["2", true],
      ["3", true],
      ["4", false],
      ["5", true],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: address, messages: [{ value: id, headers: { ...HEADERS, ce_id: id } }] });
      await (isAborted ? transaction.abort() : transaction.commit());
    }
    await producer.disconnect();
    const consumer = transport.consumer(address, group, { matcher: EVERYTHING });
    const items = await receiveCount(consumer, 2);
    expect(idsOf(items)).toEqual(["1", "4"]);
    for (const item of items) consumer.settle(item, "ack");
    await expect.poll(async () => (await transport.stats(address, group)).backlog).toBe(0);
    expect((await transport.read(address, { at: "earliest" }, 10)).next).toBeUndefined();
    await consumer.close(soon());
  });

  it("with a key for each record is compacted by the cluster: what is without one is refused as invalid", async () => {
    const { address } = await topicWithGroup({ config: { "cleanup.policy": "compact" } });
    const [keyless] = await transport.publisher(address).publish([makeEvent()], soon());
    expect(keyless).toMatchObject({ ok: false, error: { code: "invalid" }, stored: "no" });
  });

  it("may take less than the transport does: the event that is too large is found, its mates are stored", async () => {
    const { address, group } = await topicWithGroup({ config: { "max.message.bytes": 20_000 } });
    const events = [
      makeEvent(),
      makeEvent({ data: Buffer.alloc(30_000) }),
      makeEvent({ data: Buffer.alloc(15_000) }),
      makeEvent(),
    ];
    const results = await transport.publisher(address).publish(events, soon());
    expect(results.map((result) => (result.ok ? "ok" : result.error.code))).toEqual(["ok", "too_large", "ok", "ok"]);
    const consumer = transport.consumer(address, group, { matcher: EVERYTHING });
    const stored = events.filter((_, index) => index !== 1).map(({ id }) => id);
    expect(idsOf(await receiveCount(consumer, 3))).toEqual(stored);
    await consumer.close(soon());
  });

  it("grows by partitions under a consumer, which reads them from their beginning", async () => {
    const { address, group } = await topicWithGroup();
    const consumer = transport.consumer(address, group, { matcher: EVERYTHING });
    await publish(address, 1);
    await receiveCount(consumer, 1);
    await admin.createPartitions({ topicPartitions: [{ topic: address, count: 2 }] });
    const producer = kafka.producer();
    await producer.connect();
    const headers = { ...HEADERS, ce_id: "new" };
    await expect
      .poll(() => producer.send({ topic: address, messages: [{ partition: 1, value: "x", headers }] }), {
        timeout: 10_000,
      })
      .toBeDefined();
    await producer.disconnect();
    expect(idsOf(await receiveCount(consumer, 1))).toEqual(["new"]);
    await consumer.close(soon());
  });

  it("keeps its partitions when another number is configured, and says so; its config is changed", async () => {
    const { address } = await topicWithGroup();
    const options = { partitions: 3, config: { "retention.ms": 123_456_000 } };
    await transport.provision(address, topicSettings({ options }));
    const { topics } = await admin.fetchTopicMetadata({ topics: [address] });
    expect(topics[0]?.partitions).toHaveLength(1);
    expect(warnings.join()).toContain("keeps its partitions");
    const resources = [{ type: 2, name: address, configNames: ["retention.ms"] }];
    const described = await admin.describeConfigs({ resources, includeSynonyms: false });
    expect(described.resources[0]?.configEntries[0]?.configValue).toBe("123456000");
  });

  it("has a place that names the cluster and the topic", async () => {
    const { address } = await topicWithGroup();
    const { clusterId } = await admin.describeCluster();
    expect(await transport.place(address)).toBe(`kafka/${clusterId}/${address}`);
  });

  it("passes over what a matcher does not want, and that is committed", async () => {
    const { address, group } = await topicWithGroup();
    const consumer = transport.consumer(address, group, {
      matcher: { ...EVERYTHING, matches: ({ id }) => id.endsWith("-49") },
    });
    const ids = await publish(address, 100);
    expect(idsOf(await receiveCount(consumer, 1))).toEqual([ids[49]]);
    await expect.poll(async () => (await transport.stats(address, group)).backlog, { timeout: 5_000 }).toBe(0);
    await consumer.close(soon());
    expect(await transport.stats(address, group)).toMatchObject({ backlog: 1 }); // the one that was not settled
  });
});
