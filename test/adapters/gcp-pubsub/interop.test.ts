/** Programs that use Google's client directly read what the bus writes, and the bus reads what they write. */
import { once } from "node:events";
import type { Message } from "@google-cloud/pubsub";
import { HTTP } from "cloudevents";
import { afterAll, beforeAll, expect, it } from "vitest";
import { attributeOf, type Event } from "../../../src/event/event.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { receiveAndAck } from "../../../src/transport/conformance/steps.ts";
import { isMalformed, type TopicSettings, type Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { EVERYTHING, openPubsub, PROJECT, soon, topicWithGroup } from "./instance.ts";
import { type NativeClients, openNativeClients } from "./native.ts";

const FULL = makeEvent({
  id: "order 1/ü",
  source: "/shop?a=b",
  attributes: [
    ["datacontenttype", "application/json"],
    ["subject", "naïve \u{1f680}"],
    ["time", "2026-11-25T17:31:00.123456789Z", "timestamp"],
    ["partitionkey", "customer-7"],
    ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
    ["count", "5", "integer"],
  ],
  data: Buffer.from('{"big":12345678901234567890}'),
});

await describeBroker("gcp-pubsub", "native clients of Pub/Sub", (address) => {
  let transport: Transport;
  let native: NativeClients;

  beforeAll(async () => {
    transport = await openPubsub(address);
    native = await openNativeClients(address);
  });

  afterAll(async () => {
    await transport.close(soon());
    await native.close();
  });

  it("read a binary event: an attribute each, the data as it is, the key as ordering key", async () => {
    const { data, attributes, orderingKey } = await readNatively({ mode: "binary" }, FULL);
    expect(attributes).toEqual({
      "ce-specversion": "1.0",
      "ce-id": "order 1/ü",
      "ce-source": "/shop?a=b",
      "ce-type": "com.example.conformance",
      "content-type": "application/json",
      "ce-subject": "naïve \u{1f680}",
      "ce-time": "2026-11-25T17:31:00.123456789Z",
      "ce-partitionkey": "customer-7",
      "ce-traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "ce-count": "5",
    });
    expect(data).toEqual(FULL.data?.bytes);
    expect(orderingKey).toBe("customer-7");
  });

  it("read a structured event with the SDK of CloudEvents", async () => {
    const { data, attributes } = await readNatively({ mode: "structured" }, FULL);
    expect(attributes["content-type"]).toMatch(/^application\/cloudevents\+json/);
    expect(Object.keys(attributes)).toEqual(["content-type"]);
    const event = HTTP.toEvent({ headers: { ...attributes }, body: data.toString() });
    expect(event).toMatchObject({ id: "order 1/ü", source: "/shop?a=b", subject: "naïve \u{1f680}", count: 5 });
  });

  it.each([
    ["a value that is longer than an attribute may be", [["ext", "x".repeat(1_025)]]],
    ["more attributes than a message may have", Array.from({ length: 100 }, (_, index) => [`e${index}`, "1"])],
  ] as const)("get structured what does not fit into attributes: %s", async (_, attributes) => {
    const event = makeEvent({ attributes: attributes.map(([name, value]) => [name, value] as const) });
    const message = await readNatively({ mode: "binary" }, event);
    expect(message.attributes["content-type"]).toMatch(/^application\/cloudevents\+json/);
  });

  it("write binary events that arrive", async () => {
    const event = await readOnBus({
      attributes: {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/n",
        "ce-type": "t",
        "ce-ext": "ü",
        other: "x",
      },
      data: Buffer.from([0, 255]),
    });
    // Attributes of Pub/Sub are a map: they have no order to keep.
    const attributes = Object.fromEntries(event.attributes.map(({ name, value }) => [name, value]));
    expect(attributes).toEqual({ id: "1", source: "/n", type: "t", ext: "ü" });
    expect(event.data?.bytes).toEqual(Buffer.from([0, 255]));
  });

  it.each(["content-type", "Content-Type", "ce-datacontenttype"])(
    "write the content type where they are used to: %s",
    async (name) => {
      const attributes = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/n",
        "ce-type": "t",
        [name]: "text/plain",
      };
      expect(attributeOf(await readOnBus({ attributes, data: Buffer.from("x") }), "datacontenttype")).toBe(
        "text/plain",
      );
    },
  );

  it("write structured events that arrive", async () => {
    const json = '{"specversion":"1.0","id":"1","source":"/n","type":"t","n":7,"data":{"a":1.0}}';
    const attributes = { "Content-Type": "application/cloudevents+json; charset=utf-8" };
    const event = await readOnBus({ attributes, data: Buffer.from(json) });
    expect(attributeOf(event, "n")).toBe("7");
    expect(event.data?.bytes.toString()).toBe('{"a":1.0}');
  });

  it("write what is no CloudEvent, which a raw topic makes one of with a stable id", async () => {
    const { address: topic, group } = await topicWithGroup(transport, { envelope: "raw" });
    const [id] = await publishNatively(topic, {
      attributes: { "content-type": "image/png", a: "b" },
      data: Buffer.from([1]),
    });
    const [item] = await receiveAndAck(transport.consumer(topic, group, { matcher: EVERYTHING }), 1);
    if (item === undefined || isMalformed(item.event)) throw new Error("no event");
    expect(item.event).toMatchObject({ id, source: `/gcp-pubsub/${topic}`, type: "io.pulsebus.raw" });
    expect(attributeOf(item.event, "datacontenttype")).toBe("image/png");
    expect(item.event.data?.bytes).toEqual(Buffer.from([1]));
  });

  it("write a CloudEvent without an id, which is malformed in a raw topic, too", async () => {
    const { address: topic, group } = await topicWithGroup(transport, { envelope: "raw" });
    await publishNatively(topic, { attributes: { "ce-specversion": "1.0", "ce-type": "t" }, data: Buffer.from("x") });
    const [item] = await receiveAndAck(transport.consumer(topic, group, { matcher: EVERYTHING }), 1);
    expect(item?.event).toMatchObject({ malformed: expect.stringContaining("id"), bytes: Buffer.from("x") });
  });

  async function readNatively(settings: Partial<TopicSettings>, event: Event): Promise<Message> {
    const { address: topic } = await topicWithGroup(transport, settings);
    const [subscription] = await native.pubsub.topic(topic).createSubscription(`native-${topic}`);
    const [result] = await transport.publisher(topic).publish([event], soon());
    expect(result).toMatchObject({ ok: true });
    const [message] = (await once(subscription, "message", { signal: AbortSignal.timeout(10_000) })) as [Message];
    message.ack();
    await subscription.close();
    return message;
  }

  async function publishNatively(topic: string, message: { attributes: Record<string, string>; data: Buffer }) {
    const request = { topic: `projects/${PROJECT}/topics/${topic}`, messages: [message] };
    const [{ messageIds }] = await native.publisher.publish(request);
    return messageIds ?? [];
  }

  async function readOnBus(message: { attributes: Record<string, string>; data: Buffer }): Promise<Event> {
    const { address: topic, group } = await topicWithGroup(transport);
    await publishNatively(topic, message);
    const [item] = await receiveAndAck(transport.consumer(topic, group, { matcher: EVERYTHING }), 1);
    if (item === undefined || isMalformed(item.event)) throw new Error(`no event: ${JSON.stringify(item?.event)}`);
    return item.event;
  }
});
