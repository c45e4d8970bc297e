/** The client that Kafka's users in Node run today (`kafkajs`) reads what Pulsebus writes, and Pulsebus what it writes. */
import { Kafka, type KafkaMessage, type Producer } from "kafkajs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { attributeOf, type Event } from "../../../src/event/event.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { type Item, isMalformed, type TopicSettings, type Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { DOCUMENT, EVENT } from "../sample-event.ts";
import { EVERYTHING, openKafka, soon, topicSettings, uniqueName } from "./instance.ts";

/** The binding writes values as they are, without percent-encoding. */
const HEADERS = {
  ce_specversion: "1.0",
  ce_id: "id 1",
  ce_source: "/orders/%20x",
  ce_type: "com.example.order.created",
  ce_subject: "order/1 ü 100%",
  ce_time: "2026-11-25T17:31:00.123456789+01:00",
  ce_dataschema: "https://example.com/schema?v=1",
  "content-type": "application/json",
  ce_count: "-2147483648",
  ce_flag: "true",
  ce_partitionkey: "a key",
  ce_traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

await describeBroker("kafka", "Kafka clients of users", (server) => {
  const kafka = new Kafka({ clientId: "peer", brokers: server.split(","), logLevel: 0 });
  const producer: Producer = kafka.producer();
  const addresses: string[] = [];
  let transport: Transport;

  beforeAll(async () => {
    transport = await openKafka(server);
    await producer.connect();
  });

  afterAll(async () => {
    for (const address of addresses) await transport.deprovision(address);
    await producer.disconnect();
    await transport.close(soon());
  });

  async function topic(settings: Partial<TopicSettings> = {}): Promise<string> {
    const address = uniqueName();
    addresses.push(address);
    await transport.provision(address, topicSettings(settings));
    return address;
  }

  /** What kafkajs reads of an event that Pulsebus published. */
  async function written(address: string, event: Event): Promise<KafkaMessage> {
    const [result] = await transport.publisher(address).publish([event], soon());
    expect(result).toMatchObject({ ok: true });
    const consumer = kafka.consumer({ groupId: uniqueName() });
    await consumer.connect();
    await consumer.subscribe({ topic: address, fromBeginning: true });
    const { promise, resolve } = Promise.withResolvers<KafkaMessage>();
    await consumer.run({ eachMessage: async ({ message }) => resolve(message) });
    const message = await promise;
    await consumer.disconnect();
    return message;
  }

  async function receivedItem(address: string): Promise<Item> {
    const group = uniqueName();
    await transport.createGroup(address, group, { at: "earliest" });
    const consumer = transport.consumer(address, group, { matcher: EVERYTHING });
    const [item] = await consumer.receive(1, AbortSignal.timeout(20_000));
    await consumer.close(soon());
    return item ?? expect.fail("nothing came");
  }

  async function received(address: string): Promise<Event> {
    const { event } = await receivedItem(address);
    return isMalformed(event) ? expect.fail(event.malformed) : event;
  }

  function textsOf({ headers }: KafkaMessage): Record<string, string> {
    return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, `${value}`]));
  }

  it("reads each attribute and the bytes of an event in binary mode", async () => {
    const message = await written(await topic({ mode: "binary" }), EVENT);
    expect(textsOf(message)).toEqual(HEADERS);
    expect(message.value).toEqual(EVENT.data?.bytes);
    expect(message.key).toBeNull();
  });

  it("reads each attribute and the bytes of an event in structured mode", async () => {
    const message = await written(await topic({ mode: "structured" }), EVENT);
    expect(textsOf(message)).toEqual({ "content-type": "application/cloudevents+json" });
    const { data, data_base64, ...attributes } = JSON.parse(`${message.value}`);
    const expected = Object.fromEntries(EVENT.attributes.map(({ name, value }) => [name, value]));
    expect(attributes).toEqual({ ...expected, specversion: "1.0", count: -2147483648, flag: true });
    expect(data_base64 ?? `${message.value}`).toContain(data_base64 === undefined ? "12345678901234567890.10" : "");
  });

  it("reads the document byte for byte when the event came as one", async () => {
    const message = await written(await topic({ mode: "keep" }), { ...EVENT, structured: Buffer.from(DOCUMENT) });
    expect(`${message.value}`).toBe(DOCUMENT);
  });

  it("reads the attribute that the topic names as the record's key, and the attribute stays", async () => {
    const message = await written(await topic({ key: "partitionkey" }), EVENT);
    expect(`${message.key}`).toBe("a key");
    expect(textsOf(message)).toEqual(HEADERS);
  });

  it("reads no data as a null value, and empty data as an empty one", async () => {
    const without = await written(await topic(), makeEvent());
    expect(without.value).toBeNull();
    const empty = await written(await topic(), makeEvent({ data: Buffer.alloc(0) }));
    expect(empty.value).toEqual(Buffer.alloc(0));
  });

  it("writes binary mode that arrives attribute by attribute", async () => {
    const address = await topic();
    const value = EVENT.data?.bytes ?? Buffer.alloc(0);
    await producer.send({ topic: address, messages: [{ key: "native key", value, headers: HEADERS }] });
    const item = await receivedItem(address);
    const { event } = item;
    if (isMalformed(event)) expect.fail(event.malformed);
    for (const { name, value } of EVENT.attributes) expect(attributeOf(event, name), name).toBe(value);
    expect(event.attributes).toHaveLength(EVENT.attributes.length); // none for the key
    expect(event.data?.bytes).toEqual(value);
    expect(item.key).toBe("native key");
  });

  it("writes structured mode that arrives attribute by attribute, its data as it was spelled", async () => {
    const address = await topic();
    const headers = { "content-type": "application/CloudEvents+JSON; charset=UTF-8" };
    await producer.send({ topic: address, messages: [{ value: DOCUMENT, headers }] });
    const event = await received(address);
    const expected = { id: "id 1", source: "/orders/%20x", subject: "order/1 ü", count: "-2147483648", flag: "true" };
    for (const [name, value] of Object.entries(expected)) expect(attributeOf(event, name), name).toBe(value);
    expect(event.data?.bytes.toString()).toBe('{"total": 12345678901234567890.10}');
    expect(event.structured?.toString()).toBe(DOCUMENT);
  });

  it("writes tombstones and empty values that arrive as no data and as empty data", async () => {
    const address = await topic();
    const headers = { ce_specversion: "1.0", ce_id: "1", ce_source: "/x", ce_type: "t" };
    await producer.send({ topic: address, messages: [{ key: "k", value: null, headers }] });
    expect((await received(address)).data).toBeUndefined();
    const other = await topic();
    await producer.send({ topic: other, messages: [{ value: "", headers }] });
    expect((await received(other)).data?.bytes).toEqual(Buffer.alloc(0));
  });

  it("sees a broken CloudEvent stay malformed where the topic says raw, and a plain record become an event", async () => {
    const address = await topic({ envelope: "raw" });
    await producer.send({ topic: address, messages: [{ value: "x", headers: { ce_specversion: "1.0", ce_id: "1" } }] });
    const { event } = await receivedItem(address);
    expect(isMalformed(event)).toBe(true);
    const plain = await topic({ envelope: "raw" });
    const bytes = Buffer.from([0xff, 0, 1]);
    await producer.send({ topic: plain, messages: [{ value: bytes, headers: { "content-type": "image/png" } }] });
    const item = await receivedItem(plain);
    expect(item.event).toMatchObject({ id: item.position, source: `/kafka/${plain}`, type: "io.pulsebus.raw" });
    if (isMalformed(item.event)) expect.fail(item.event.malformed);
    expect(attributeOf(item.event, "datacontenttype")).toBe("image/png");
    expect(item.event.data?.bytes).toEqual(bytes);
  });

  it("puts a key into the partition where Pulsebus puts it", async () => {
    const address = await topic({ key: "partitionkey", options: { partitions: 7 } });
    const keys = ["a", "b", "order-17", "ключ", "", "x".repeat(300)].filter((key) => key !== "");
    for (const key of keys) {
      const [ours] = await transport
        .publisher(address)
        .publish([makeEvent({ attributes: [["partitionkey", key]] })], soon());
      const [theirs] = await producer.send({ topic: address, messages: [{ key, value: "x" }] });
      const position = ours?.ok ? ours.position : expect.fail("not stored");
      expect(position?.split(/[/:]/)[1], key).toBe(`${theirs?.partition}`);
    }
  });
});
