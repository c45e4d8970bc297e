/** The client that NATS users run today (`nats` 2.x) reads what Pulsebus writes, and Pulsebus what it writes. */
import { connect, type JetStreamClient, type NatsConnection, headers as natsHeaders } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { attributeOf, type Event } from "../../../src/event/event.ts";
import { isMalformed, type Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { DOCUMENT, EVENT } from "../sample-event.ts";
import { EVERYTHING, openNats, soon, topicSettings, uniqueName } from "./instance.ts";

/** What the binding writes into headers: percent-encoded where HTTP needs it. */
const HEADERS = {
  "ce-specversion": "1.0",
  "ce-id": "id%201",
  "ce-source": "/orders/%2520x",
  "ce-type": "com.example.order.created",
  "ce-subject": "order/1%20%C3%BC%20100%25",
  "ce-time": "2026-11-25T17:31:00.123456789+01:00",
  "ce-dataschema": "https://example.com/schema?v=1",
  "ce-datacontenttype": "application/json",
  "ce-count": "-2147483648",
  "ce-flag": "true",
  "ce-partitionkey": "a%20key",
  "ce-traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

await describeBroker("nats", "NATS clients of users", (address) => {
  let transport: Transport;
  let native: NatsConnection;
  let stream: JetStreamClient;

  beforeAll(async () => {
    transport = await openNats(address);
    native = await connect({ servers: address });
    stream = native.jetstream();
  });

  afterAll(async () => {
    await native.close();
    await transport.close(soon());
  });

  it("reads each attribute and the bytes of an event in binary mode", async () => {
    const message = await written(await topic({ mode: "binary" }), EVENT);
    expect(Object.fromEntries([...(message.headers ?? [])].map(([name, [value]]) => [name, value]))).toEqual(HEADERS);
    expect(Buffer.from(message.data)).toEqual(EVENT.data?.bytes);
  });

  it("reads each attribute and the bytes of an event in structured mode", async () => {
    const message = await written(await topic({ mode: "structured" }), EVENT);
    expect(message.headers?.get("Content-Type")).toBe("application/cloudevents+json");
    const text = Buffer.from(message.data).toString();
    const { data, data_base64, ...attributes } = JSON.parse(text);
    const expected = Object.fromEntries(EVENT.attributes.map(({ name, value }) => [name, value]));
    expect(attributes).toEqual({ ...expected, specversion: "1.0", count: -2147483648, flag: true });
    expect(data_base64 ?? text).toContain(data_base64 === undefined ? "12345678901234567890.10" : "");
  });

  it("reads the document byte for byte when the event came as one", async () => {
    const event: Event = { ...EVENT, structured: Buffer.from(DOCUMENT) };
    const message = await written(await topic({ mode: "keep" }), event);
    expect(Buffer.from(message.data).toString()).toBe(DOCUMENT);
  });

  it("writes binary mode that arrives attribute by attribute", async () => {
    const address = await topic({});
    const headers = natsHeaders();
    for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
    await stream.publish(address, EVENT.data?.bytes ?? Buffer.alloc(0), { headers });
    const event = await received(address);
    for (const { name, value } of EVENT.attributes) expect(attributeOf(event, name), name).toBe(value);
    expect(event.attributes).toHaveLength(EVENT.attributes.length);
    expect(event.data?.bytes).toEqual(EVENT.data?.bytes);
  });

  it("writes header names in the case of Go's canonical form and Content-Type for the data", async () => {
    const address = await topic({});
    const headers = natsHeaders();
    for (const [name, value] of Object.entries({ Id: "1", Source: "/x", Type: "t", Specversion: "1.0" })) {
      headers.set(`Ce-${name}`, value);
    }
    headers.set("Content-Type", "text/plain");
    await stream.publish(address, Buffer.from("text"), { headers });
    const event = await received(address);
    expect([event.id, event.source, event.type, attributeOf(event, "datacontenttype")]).toEqual([
      ...["1", "/x", "t", "text/plain"],
    ]);
  });

  it("writes structured mode that arrives attribute by attribute, its data as it was spelled", async () => {
    const address = await topic({});
    const headers = natsHeaders();
    headers.set("Content-Type", "application/cloudevents+json; charset=utf-8");
    await stream.publish(address, Buffer.from(DOCUMENT), { headers });
    const event = await received(address);
    const expected = { id: "id 1", source: "/orders/%20x", subject: "order/1 ü", count: "-2147483648", flag: "true" };
    for (const [name, value] of Object.entries(expected)) expect(attributeOf(event, name), name).toBe(value);
    expect(event.data?.bytes.toString()).toBe('{"total": 12345678901234567890.10}');
    expect(event.structured?.toString()).toBe(DOCUMENT);
  });

  it("sees a plain message of its own as an event where the topic says raw, with the content type it gave", async () => {
    const address = await topic({ envelope: "raw" });
    const headers = natsHeaders();
    headers.set("Content-Type", "text/csv");
    await stream.publish(address, Buffer.from("a,b\r\n"), { headers });
    const event = await received(address);
    expect(event.source).toBe(`/nats/${address}`);
    expect(attributeOf(event, "datacontenttype")).toBe("text/csv");
    expect(event.data?.bytes.toString()).toBe("a,b\r\n");
  });

  async function topic(settings: Parameters<typeof topicSettings>[0]): Promise<string> {
    const name = uniqueName();
    await transport.provision(name, topicSettings(settings));
    await transport.createGroup(name, "group", { at: "latest" });
    return name;
  }

  /** As the users' client reads it from the stream. */
  async function written(topicAddress: string, event: Event) {
    const [result] = await transport.publisher(topicAddress).publish([event], soon());
    expect(result?.ok).toBe(true);
    const manager = await native.jetstreamManager();
    const name = await manager.streams.find(topicAddress);
    await manager.consumers.add(name, { durable_name: "peer", filter_subject: topicAddress });
    const message = await (await stream.consumers.get(name, "peer")).next({ expires: 5_000 });
    if (message === null) throw new Error("nothing was stored");
    message.ack();
    return message;
  }

  async function received(topicAddress: string): Promise<Event> {
    const consumer = transport.consumer(topicAddress, "group", { matcher: EVERYTHING });
    const [item] = await consumer.receive(1, AbortSignal.timeout(10_000));
    if (item === undefined || isMalformed(item.event)) throw new Error("no event arrived");
    consumer.settle(item, "ack");
    await consumer.close(soon());
    return item.event;
  }
});
