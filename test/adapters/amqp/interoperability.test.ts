import type { Channel, ConsumeMessage, Options } from "amqplib";
import { CloudEvent } from "cloudevents";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Attribute } from "../../../src/event/event.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { isMalformed, type TopicSettings, type Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { eventOf, openNative, openTransport, receive, SETTINGS, soon, topicWithGroup, uniqueName } from "./rabbit.ts";

const STRUCTURED = "application/cloudevents+json; charset=utf-8";

function namesAndValues(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ name, value }) => [name, value]));
}

await describeBroker("amqp", "bare amqplib and the adapter", (url) => {
  let transport: Transport;
  let native: Awaited<ReturnType<typeof openNative>>;
  let channel: Channel;

  beforeAll(async () => {
    transport = await openTransport(url);
    native = await openNative(url);
    channel = await native.createChannel();
  });

  afterAll(async () => {
    await native.close();
    await transport.close(soon());
  });

  /** What a native client sends, as the adapter receives it. */
  async function received(body: Buffer, options: Options.Publish, settings: Partial<TopicSettings> = {}) {
    const { address, consumer } = await topicWithGroup(transport, settings);
    channel.publish(address, "", body, options);
    const [item] = await receive(consumer, 1);
    await transport.deprovision(address);
    if (item === undefined) throw new Error("nothing came");
    return { address, item };
  }

  /** What the adapter sends, as a native client receives it. */
  async function sent(event: ReturnType<typeof makeEvent>, settings: Partial<TopicSettings> = {}) {
    const { address, publisher } = await topicWithGroup(transport, settings);
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, address, "#");
    const next = Promise.withResolvers<ConsumeMessage | null>();
    await channel.consume(queue, (message) => next.resolve(message), { noAck: true });
    expect(await publisher.publish([event], soon())).toMatchObject([{ ok: true }]);
    const message = await next.promise;
    await channel.deleteQueue(queue);
    await transport.deprovision(address);
    if (message === null) throw new Error("the queue is gone");
    return message;
  }

  describe("an event of a native client", () => {
    const headers = {
      "ce-specversion": "1.0",
      "ce-id": "42",
      "ce-source": "/shop/ünïcode%20",
      "ce-type": "order.created",
      "ce-time": "2026-11-25T17:31:00.123456789Z",
      "ce-subject": 'a "quoted" subject',
      "ce-count": 7,
      "ce-paid": true,
      "ce-signature": Buffer.from([0, 1, 2, 255]),
      "x-trace": "not an attribute",
    };

    it("in binary mode arrives with each attribute, typed or text, and its bytes", async () => {
      const valid = { ...headers, "ce-source": "/shop/%C3%BC%20" };
      const { item } = await received(Buffer.from('{"n":1.0}'), { contentType: "application/json", headers: valid });
      const event = eventOf(item);
      expect(namesAndValues(event.attributes)).toEqual({
        id: "42",
        source: "/shop/%C3%BC%20",
        type: "order.created",
        time: "2026-11-25T17:31:00.123456789Z",
        subject: 'a "quoted" subject',
        count: "7",
        paid: "true",
        signature: "AAEC/w==",
        datacontenttype: "application/json",
      });
      const types = Object.fromEntries(event.attributes.map(({ name, type }) => [name, type]));
      expect(types).toMatchObject({ count: "integer", paid: "boolean", signature: "binary" });
      expect(event.data?.bytes.toString()).toBe('{"n":1.0}');
      expect(item).toMatchObject({ redelivered: false, deliveries: 1 });
    });

    it.each(["cloudEvents_", "cloudEvents:"])("with the prefix %s of AMQP 1.0 is read too", async (prefix) => {
      const names = { specversion: "1.0", id: "1", source: "/s", type: "t", ext: "x" };
      const renamed = Object.fromEntries(Object.entries(names).map(([name, value]) => [prefix + name, value]));
      const { item } = await received(Buffer.from("x"), { contentType: "text/plain", headers: renamed });
      expect(namesAndValues(eventOf(item).attributes)).toMatchObject({ id: "1", source: "/s", type: "t", ext: "x" });
    });

    it("with a native timestamp keeps its time to the second that AMQP has", async () => {
      const time = { "!": "timestamp", value: 1_764_091_860 };
      const { item } = await received(Buffer.alloc(0), {
        headers: { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-time": time },
      });
      expect(namesAndValues(eventOf(item).attributes).time).toBe("2025-11-25T17:31:00.000Z");
    });

    it("in structured mode arrives as the CloudEvents SDK wrote it", async () => {
      const event = new CloudEvent({
        id: "s-1",
        source: "/sdk",
        type: "sdk.made",
        subject: "ünïcode \u{1f680}",
        datacontenttype: "application/json",
        data: { big: "value" },
        tenant: "eu",
      });
      const { item } = await received(Buffer.from(JSON.stringify(event)), { contentType: STRUCTURED });
      expect(namesAndValues(eventOf(item).attributes)).toMatchObject({
        id: "s-1",
        source: "/sdk",
        type: "sdk.made",
        subject: "ünïcode \u{1f680}",
        tenant: "eu",
        datacontenttype: "application/json",
      });
      expect(eventOf(item).data?.bytes.toString()).toBe('{"big":"value"}');
    });

    it("that breaks a rule arrives as malformed, with reason, headers and bytes", async () => {
      const { item } = await received(Buffer.from("body"), {
        contentType: "text/plain",
        headers: { ...headers, "ce-id": "" },
      });
      expect(isMalformed(item.event) && item.event).toMatchObject({
        malformed: 'attribute "id" is empty',
        headers: expect.arrayContaining([
          ["content-type", "text/plain"],
          ["ce-type", "order.created"],
        ]),
        bytes: Buffer.from("body"),
      });
    });
  });

  describe("a message that is no CloudEvent", () => {
    it("becomes an event where the topic says raw, with its bytes, content type and message id", async () => {
      const bytes = Buffer.from([0xff, 0x00, 0x7b]);
      const options = { contentType: "application/octet-stream", messageId: "native-1", headers: { tenant: "eu" } };
      const { address, item } = await received(bytes, options, { envelope: "raw" });
      expect(namesAndValues(eventOf(item).attributes)).toEqual({
        id: "native-1",
        source: `/amqp/${address}`,
        type: "io.pulsebus.raw",
        datacontenttype: "application/octet-stream",
      });
      expect(eventOf(item).data?.bytes).toEqual(bytes);
    });

    it("has its position for an id where it brings none that is usable", async () => {
      for (const messageId of ["", "control\u0007"]) {
        const { item } = await received(Buffer.from("x"), { messageId }, { envelope: "raw" });
        expect(eventOf(item).id).toBe(item.position);
      }
    });

    it("stays malformed in a raw topic when it is a CloudEvent that breaks a rule", async () => {
      const { item } = await received(Buffer.from("x"), { headers: { "ce-id": "1" } }, { envelope: "raw" });
      expect(isMalformed(item.event)).toBe(true);
    });
  });

  it("gives two foreign messages under one message id two positions, and another one at each receipt", async () => {
    const { address, consumer } = await topicWithGroup(transport);
    for (const body of ["one", "two"]) channel.publish(address, "", Buffer.from(body), { messageId: "same" });
    const first = await receive(consumer, 2);
    for (const item of first) consumer.settle(item, "release");
    const second = await receive(consumer, 2);
    const positions = [...first, ...second].map(({ position }) => position);
    expect(new Set(positions).size).toBe(4);
    await transport.deprovision(address);
  });

  describe("an event of the bus", () => {
    const event = makeEvent({
      id: "id with spaces",
      source: "/bus",
      type: "typed",
      attributes: [
        ["time", "2026-11-25T17:31:00.123456789+01:00", "timestamp"],
        ["subject", "ünïcode \u{1f680}"],
        ["count", "-2147483648", "integer"],
        ["paid", "false", "boolean"],
        ["signature", "AAEC/w==", "binary"],
        ["datacontenttype", "application/json"],
      ],
      data: Buffer.from('{"n":1.0}'),
    });

    it("in binary mode has native headers, is persistent and carries nothing of its own but a message id", async () => {
      const { properties, content } = await sent(event, { mode: "binary" });
      expect(properties.headers).toEqual({
        "ce-specversion": "1.0",
        "ce-id": "id with spaces",
        "ce-source": "/bus",
        "ce-type": "typed",
        "ce-time": "2026-11-25T17:31:00.123456789+01:00",
        "ce-subject": "ünïcode \u{1f680}",
        "ce-count": -2_147_483_648,
        "ce-paid": false,
        "ce-signature": Buffer.from([0, 1, 2, 255]),
      });
      expect(properties).toMatchObject({ contentType: "application/json", deliveryMode: 2 });
      expect(properties.messageId).toMatch(/^pulsebus-/);
      expect(content.toString()).toBe('{"n":1.0}');
    });

    it("in structured mode is read by the CloudEvents SDK", async () => {
      const { properties, content } = await sent(event, { mode: "structured" });
      expect(properties.contentType).toMatch(/^application\/cloudevents\+json/);
      expect(new CloudEvent(JSON.parse(content.toString()))).toMatchObject({
        id: "id with spaces",
        source: "/bus",
        type: "typed",
        subject: "ünïcode \u{1f680}",
        count: -2_147_483_648,
        paid: false,
        data: { n: 1 },
      });
    });

    it("keeps the document that it came as where the topic says so", async () => {
      const document = Buffer.from(
        '{ "specversion":"1.0","id":"1","source":"/s","type":"t","data":12345678901234567890 }',
      );
      const { item } = await received(document, { contentType: STRUCTURED });
      const { content } = await sent(eventOf(item), { mode: "keep" });
      expect(content).toEqual(document);
    });

    it("has the key that the topic names as its routing key", async () => {
      const keyed = makeEvent({ attributes: [["partitionkey", "customer-1"]] });
      const { fields } = await sent(keyed, { key: "partitionkey", options: { exchangeType: "topic" } });
      expect(fields.routingKey).toBe("customer-1");
      const unkeyed = await sent(keyed, { key: undefined });
      expect(unkeyed.fields.routingKey).toBe("");
    });

    it("falls back to structured mode when its content type or its attributes do not fit", async () => {
      const type = `application/json; profile=${"x".repeat(300)}`;
      const long = await sent(makeEvent({ attributes: [["datacontenttype", type]], data: Buffer.from("{}") }));
      expect(JSON.parse(long.content.toString())).toMatchObject({ datacontenttype: type });
      const many = Array.from({ length: 200 }, (_, n) => [`ext${n}`, "x".repeat(315)] as const);
      const wide = await sent(makeEvent({ attributes: many }));
      expect(JSON.parse(wide.content.toString())).toMatchObject({ ext199: "x".repeat(315) });
    });
  });

  it("keeps the name of an address and a group apart from every other one's", async () => {
    const names = [
      ["a/b", "c"],
      ["a", "b/c"],
      ["a", `c${"ü".repeat(200)}`],
      ["a", `d${"ü".repeat(200)}`],
    ] as const;
    const suffix = uniqueName();
    for (const [address, group] of names) {
      await transport.provision(address + suffix, SETTINGS);
      await transport.createGroup(address + suffix, group, { at: "latest" });
    }
    for (const [address, group] of names) {
      await transport.publisher(address + suffix).publish([makeEvent({ id: `${address} ${group}` })], soon());
    }
    expect(await transport.stats(`a/b${suffix}`, "c")).toMatchObject({ backlog: 1 });
    for (const [, group] of names.slice(1)) {
      expect(await transport.stats(`a${suffix}`, group)).toMatchObject({ backlog: 3 });
    }
    for (const address of ["a", "a/b"]) await transport.deprovision(address + suffix);
  });
});
