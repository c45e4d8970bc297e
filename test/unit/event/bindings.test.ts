import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BINDINGS, type Binding } from "../../../src/event/bindings.ts";
import { attributeOf, type Event } from "../../../src/event/event.ts";
import { type DecodeOptions, decodeHttp, encodeHttpBinary } from "../../../src/event/http.ts";
import { decodeMessage, encodeMessage, type WireMessage } from "../../../src/event/message.ts";
import { withAttribute } from "../../../src/event/with-attribute.ts";
import {
  anyEvent,
  binaryEvent,
  essence,
  first,
  jsonEvent,
  lenient,
  REQUIRED_MEMBERS,
  refusal,
  STRICT,
  textualEssence,
} from "./support.ts";

const TABLE: [string, Binding][] = Object.entries(BINDINGS);
type Header = readonly [string, unknown];

/** A message of a binding with the required attributes and these headers. */
function message(prefix: string, headers: readonly Header[], rest: Partial<WireMessage> = {}): WireMessage {
  const required = Object.entries(REQUIRED_MEMBERS).map(([name, value]): Header => [prefix + name, value]);
  return { contentType: undefined, body: undefined, headers: [...required, ...headers], ...rest };
}

const read = (
  binding: Binding,
  headers: readonly Header[],
  options: DecodeOptions = STRICT,
  rest: Partial<WireMessage> = {},
) => decodeMessage(binding, message(binding.prefix.write, headers, rest), options);

describe.each(TABLE)("the binding %s", (_name, binding) => {
  const typed = binding.values === "native";

  it("reads back in binary mode what it wrote", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const encoded = encodeMessage(binding, event, "binary");
        const decoded = decodeMessage(binding, encoded, STRICT);
        const same = typed || encoded.mode === "structured" ? essence : textualEssence;
        expect(same(decoded)).toEqual(same(event));
      }),
    );
  });

  it("reads back in structured mode what it wrote", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const encoded = encodeMessage(binding, event, "structured");
        expect(encoded.mode).toBe("structured");
        expect(essence(decodeMessage(binding, encoded, STRICT))).toEqual(essence(event));
      }),
    );
  });

  it("tells data of no bytes from no data, with every content type", () => {
    for (const contentType of ["application/json", "text/plain", undefined]) {
      for (const bytes of [Buffer.alloc(0), undefined]) {
        const event: Event = { ...binaryEvent([]), data: bytes && { kind: "binary", bytes } };
        const typedEvent =
          contentType === undefined
            ? event
            : withAttribute(event, { name: "datacontenttype", type: "string", value: contentType });
        const encoded = encodeMessage(binding, typedEvent, "binary");
        // What such a broker makes of an empty or absent body is the same.
        const carried = binding.keepsEmptyBody ? encoded : { ...encoded, body: Buffer.alloc(0) };
        expect(decodeMessage(binding, carried, STRICT).data?.bytes).toEqual(bytes);
      }
    }
  });

  it("does not let an event that is the data of another be taken for it", () => {
    const inner = Buffer.from(JSON.stringify({ ...REQUIRED_MEMBERS, id: "inner" }));
    for (const contentType of ["application/cloudevents+json", "Application/CloudEvents-batch+json; a=b"]) {
      const attribute = { name: "datacontenttype", type: "string", value: contentType } as const;
      const event: Event = { ...withAttribute(binaryEvent([]), attribute), data: { kind: "binary", bytes: inner } };
      expect(essence(decodeMessage(binding, encodeMessage(binding, event, "binary"), STRICT))).toEqual(essence(event));
    }
  });

  it("keeps the space around JSON in structured mode too", () => {
    const event = binaryEvent(["content-type", "application/json"], Buffer.from(' {"a": 1}\n'));
    const decoded = decodeMessage(binding, encodeMessage(binding, event, "structured"), STRICT);
    expect(decoded.data?.bytes).toEqual(event.data?.bytes);
  });

  it("refuses what HTTP refuses, by name", () => {
    const refused = (headers: readonly Header[]) => refusal(() => read(binding, headers, lenient()));
    const { write } = binding.prefix;
    expect(refused([[`${write}subject`, ""]])).toMatchObject({ code: "invalid-event", at: "subject" });
    expect(
      refused([
        [`${write}ext`, "a"],
        [`${write}ext`, "a"],
      ]),
    ).toMatchObject({ code: "invalid-event", at: "ext" });
    expect(refused([[`${write}ext`, "\ud800"]])).toMatchObject({ code: "invalid-event", at: "ext" });
    expect(refused([[`${write}ext`, 1.5]])).toMatchObject({ code: "invalid-event", at: "ext" });
    expect(refused([[`${write}ext`, 2n ** 31n]])).toMatchObject({ code: "invalid-event", at: "ext" });
    expect(refused([[`${write}ext`, { a: 1 }]])).toMatchObject({ code: "invalid-event", at: "ext" });
    expect(refused([[`${write}ext`, ["a", "b"]]])).toMatchObject({ code: "invalid-event", at: "ext" });
    expect(refused([[`${write}time`, new Date(Number.NaN)]])).toMatchObject({ code: "invalid-event", at: "time" });
    expect(
      refusal(() => decodeMessage(binding, { contentType: undefined, headers: [], body: undefined }, STRICT)).at,
    ).toBe("specversion");
  });

  it("takes native booleans, integers and timestamps, and null for absent", () => {
    const { write } = binding.prefix;
    const event = read(binding, [
      [`${write}a`, true],
      [`${write}b`, 5],
      [`${write}c`, 6n],
      [`${write}d`, null],
      [`${write}time`, new Date(0)],
    ]);
    expect(event.attributes.slice(3)).toEqual([
      { name: "a", type: "boolean", value: "true" },
      { name: "b", type: "integer", value: "5" },
      { name: "c", type: "integer", value: "6" },
      { name: "time", type: "timestamp", value: "1970-01-01T00:00:00.000Z" },
    ]);
  });

  it("refuses an unknown event format and a batch with 415", () => {
    for (const type of ["application/cloudevents+avro", "APPLICATION/cloudevents-batch+json"]) {
      const carried: WireMessage = {
        contentType: type,
        headers: [[binding.contentType.header, type]],
        body: Buffer.from("[]"),
      };
      expect(refusal(() => decodeMessage(binding, carried, lenient())).code).toBe("unsupported-media-type");
    }
  });

  it("leaves headers alone that are no attributes", () => {
    const event = read(binding, [
      ["X-Trace", "a b%"],
      ["pulsebus-attempt", "1"],
      ["x_y", Buffer.from([0xff])],
    ]);
    expect(event.attributes).toHaveLength(3);
  });
});

describe("the cells of the table", () => {
  const event = jsonEvent({ ext: "é 5%", n: 5, b: true, datacontenttype: "text/xml", data: "<a/>" });

  it.each<[keyof typeof BINDINGS, string | undefined, [string, unknown][]]>([
    [
      "http",
      undefined,
      [
        ["ce-specversion", "1.0"],
        ["ce-ext", "%C3%A9%205%25"],
        ["ce-n", "5"],
        ["ce-b", "true"],
        ["content-type", "text/xml"],
      ],
    ],
    [
      "kafka",
      undefined,
      [
        ["ce_specversion", "1.0"],
        ["ce_ext", "é 5%"],
        ["ce_n", "5"],
        ["ce_b", "true"],
        ["content-type", "text/xml"],
      ],
    ],
    [
      "nats",
      undefined,
      [
        ["ce-specversion", "1.0"],
        ["ce-ext", "%C3%A9%205%25"],
        ["ce-n", "5"],
        ["ce-b", "true"],
        ["ce-datacontenttype", "text/xml"],
      ],
    ],
    [
      "rabbitmq",
      "text/xml",
      [
        ["ce-specversion", "1.0"],
        ["ce-ext", "é 5%"],
        ["ce-n", 5],
        ["ce-b", true],
      ],
    ],
    [
      "amqp10",
      "text/xml",
      [
        ["cloudEvents_specversion", "1.0"],
        ["cloudEvents_ext", "é 5%"],
        ["cloudEvents_n", 5],
        ["cloudEvents_b", true],
      ],
    ],
    [
      "mqtt5",
      "text/xml",
      [
        ["specversion", "1.0"],
        ["ext", "é 5%"],
        ["n", "5"],
        ["b", "true"],
      ],
    ],
    [
      "pubsub",
      undefined,
      [
        ["ce-specversion", "1.0"],
        ["ce-ext", "é 5%"],
        ["ce-n", "5"],
        ["ce-b", "true"],
        ["content-type", "text/xml"],
      ],
    ],
  ])("%s writes its own spelling", (name, contentType, expected) => {
    const encoded = encodeMessage(BINDINGS[name], event, "binary");
    expect(encoded.contentType).toBe(contentType);
    expect(
      encoded.headers.filter(([header]) => !/id$|source$|type$/.test(header) || header.includes("content")),
    ).toEqual(expected);
    expect(encoded.body?.toString()).toBe("<a/>");
  });

  it.each<[keyof typeof BINDINGS, Header]>([
    ["http", ["content-type", "application/cloudevents+json"]],
    ["kafka", ["content-type", "application/cloudevents+json"]],
    ["nats", ["Content-Type", "application/cloudevents+json"]],
    ["pubsub", ["content-type", "application/cloudevents+json"]],
  ])("%s marks structured mode with a header", (name, header) => {
    expect(encodeMessage(BINDINGS[name], event, "structured")).toEqual({
      mode: "structured",
      contentType: undefined,
      headers: [header],
      body: event.structured,
    });
  });

  it.each(["rabbitmq", "amqp10", "mqtt5"] as const)("%s marks structured mode with its property", (name) => {
    expect(encodeMessage(BINDINGS[name], event, "structured")).toMatchObject({
      contentType: "application/cloudevents+json",
      headers: [],
    });
  });

  it.each<[keyof typeof BINDINGS, string]>([
    ["mqtt5", "ce-"],
    ["rabbitmq", "cloudEvents_"],
    ["rabbitmq", "cloudEvents:"],
  ])("%s tolerates the prefix %s, which peers write", (name, prefix) => {
    const options = lenient();
    expect(decodeMessage(BINDINGS[name], message(prefix, [[`${prefix}ext`, "x"]]), options).attributes).toHaveLength(4);
    expect(new Set(options.seen)).toEqual(new Set(["foreign-prefix"]));
    expect(refusal(() => decodeMessage(BINDINGS[name], message(prefix, []), STRICT)).code).toBe("invalid-event");
  });

  it("AMQP 1.0 reads both of its prefixes, and both in one message only as a leniency", () => {
    expect(decodeMessage(BINDINGS.amqp10, message("cloudEvents:", []), STRICT).id).toBe("1");
    const mixed = message("cloudEvents:", [["cloudEvents_ext", "x"]]);
    const options = lenient();
    expect(attributeOf(decodeMessage(BINDINGS.amqp10, mixed, options), "ext")).toBe("x");
    expect(options.seen).toEqual(["mixed-prefixes"]);
    expect(refusal(() => decodeMessage(BINDINGS.amqp10, mixed, STRICT)).at).toBe("ext");
  });

  it("Kafka reads values that are bytes, and refuses those that are not UTF-8", () => {
    const value = (bytes: Buffer) =>
      read(BINDINGS.kafka, [
        ["ce_ext", bytes],
        ["content-type", Buffer.from("text/plain")],
      ]);
    expect(attributeOf(value(Buffer.from("é%20")), "ext")).toBe("é%20");
    expect(attributeOf(value(Buffer.from("x")), "datacontenttype")).toBe("text/plain");
    expect(refusal(() => value(Buffer.from([0xff]))).at).toBe("ext");
  });

  it("Kafka tells a null value, which is a tombstone, from an empty one", () => {
    expect(read(BINDINGS.kafka, [], STRICT, { body: undefined }).data).toBeUndefined();
    expect(read(BINDINGS.kafka, [], STRICT, { body: Buffer.alloc(0) }).data?.bytes).toHaveLength(0);
  });

  it("AMQP carries bytes of an attribute as bytes", () => {
    const event = read(BINDINGS.amqp10, [["cloudEvents_ext", Buffer.from([0, 255])]]);
    expect(event.attributes[3]).toEqual({ name: "ext", type: "binary", value: "AP8=" });
    expect(encodeMessage(BINDINGS.amqp10, event, "binary").headers[4]).toEqual([
      "cloudEvents_ext",
      Buffer.from([0, 255]),
    ]);
  });

  it("NATS compares header names without case, Kafka with case", () => {
    expect(attributeOf(read(BINDINGS.nats, [["CE-Ext", "x"]]), "ext")).toBe("x");
    expect(refusal(() => read(BINDINGS.kafka, [["ce_Ext", "x"]])).at).toBe("Ext");
  });

  it("NATS reads a plus sign as a plus sign", () => {
    expect(attributeOf(read(BINDINGS.nats, [["ce-ext", "a+b%20c"]]), "ext")).toBe("a+b c");
  });

  it.each<[keyof typeof BINDINGS, Header[], Partial<WireMessage>, string]>([
    ["nats", [["content-type", "text/a"]], {}, "text/a"],
    [
      "nats",
      [
        ["ce-datacontenttype", "text/b"],
        ["content-type", "text/a"],
      ],
      {},
      "text/b",
    ],
    ["pubsub", [["ce-datacontenttype", "text/a"]], {}, "text/a"],
    ["rabbitmq", [["ce-datacontenttype", "text/a"]], { contentType: "text/b" }, "text/b"],
    ["http", [["ce-datacontenttype", "text/a"]], {}, "text/a"],
  ])("%s tolerates a content type in another place", (name, headers, rest, expected) => {
    const options = lenient();
    expect(attributeOf(read(BINDINGS[name], headers, options, rest), "datacontenttype")).toBe(expected);
    expect(options.seen).toEqual(["misplaced-datacontenttype"]);
    expect(refusal(() => read(BINDINGS[name], headers, STRICT, rest)).at).toBe("datacontenttype");
  });

  it("Pub/Sub reads Content-Type in every case", () => {
    expect(attributeOf(read(BINDINGS.pubsub, [["Content-Type", "text/a"]]), "datacontenttype")).toBe("text/a");
  });

  it("MQTT takes a user property for an attribute only if its name can be one", () => {
    const event = read(BINDINGS.mqtt5, [
      ["Other-Property", "x"],
      ["ext", "y"],
    ]);
    expect(event.attributes.map(({ name }) => name)).toEqual(["id", "source", "type", "ext"]);
  });

  it("goes structured when an event does not fit the quota of Pub/Sub", () => {
    const many = (count: number) => binaryEvent(Array.from({ length: count }, (_, i) => [`ce-x${i}`, "v"]).flat());
    expect(encodeMessage(BINDINGS.pubsub, many(96), "binary").mode).toBe("binary");
    expect(encodeMessage(BINDINGS.pubsub, many(97), "binary").mode).toBe("structured");
    const long = (bytes: number) => binaryEvent(["ce-ext", "v".repeat(bytes)]);
    expect(encodeMessage(BINDINGS.pubsub, long(1024), "binary").mode).toBe("binary");
    expect(encodeMessage(BINDINGS.pubsub, long(1025), "binary").mode).toBe("structured");
  });
});

it("the HTTP codec is the HTTP row of the table", () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      fc.pre(event.data?.bytes.length !== 0);
      const fast = encodeHttpBinary(event);
      const table = encodeMessage(BINDINGS.http, event, "binary");
      const headers = table.headers.filter(([name]) => name !== "pulsebus-data").flat();
      expect(headers).toEqual(fast.headers);
      expect(table.body).toBe(fast.body);
      const decoded = decodeMessage(BINDINGS.http, table, STRICT);
      expect(decoded).toEqual(first(decodeHttp(fast.headers, fast.body, STRICT).events));
    }),
  );
});
