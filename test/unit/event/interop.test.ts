/**
 * The npm package `cloudevents` 10.0.0 as a peer: what it writes is read here, what is written here it reads. Where it
 * breaks the specification (no percent-encoding, times rewritten, data of other types dropped), ours is held to the
 * specification and its own behaviour is what the test expects of it.
 */
import { CloudEvent, HTTP, Kafka, MQTT } from "cloudevents";
import { describe, expect, it } from "vitest";
import { BINDINGS } from "../../../src/event/bindings.ts";
import { attributeOf, type Event } from "../../../src/event/event.ts";
import {
  decodeHttp,
  type EncodedHttp,
  encodeHttpBatch,
  encodeHttpBinary,
  encodeHttpStructured,
} from "../../../src/event/http.ts";
import { decodeMessage, encodeMessage } from "../../../src/event/message.ts";
import { binaryEvent, first, jsonEvent, lenient, refusal, STRICT } from "./support.ts";

const theirs = new CloudEvent({
  id: "A-1",
  source: "/orders",
  type: "com.example.order",
  time: "2026-01-31T12:00:00.123Z",
  subject: "42",
  data: { total: 1.5, name: "é" },
  ext: "x",
  num: 5,
  flag: true,
});

/** Their message as node:http would hand it over: flat latin1 headers. */
function flat(headers: Record<string, unknown>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [name, Buffer.from(String(value)).toString("latin1")]);
}

function asTheyReceive({ headers, body }: EncodedHttp): { headers: Record<string, string>; body: string } {
  const map: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) map[headers[i] ?? ""] = headers[i + 1] ?? "";
  return { headers: map, body: body?.toString() ?? "" };
}

function toEvent(encoded: EncodedHttp): CloudEvent<unknown> {
  const event = HTTP.toEvent(asTheyReceive(encoded));
  return event as CloudEvent<unknown>;
}

function attributes(event: Event): Record<string, string> {
  return Object.fromEntries(event.attributes.map(({ name, value }) => [name, value]));
}

const expected = {
  id: "A-1",
  source: "/orders",
  type: "com.example.order",
  time: "2026-01-31T12:00:00.123Z",
  subject: "42",
  ext: "x",
  num: "5",
  flag: "true",
};

describe("what the package writes is read", () => {
  it("in binary mode", () => {
    const { headers, body } = HTTP.binary(theirs);
    const event = first(decodeHttp(flat(headers), Buffer.from(String(body)), STRICT).events);
    expect(attributes(event)).toEqual({ ...expected, datacontenttype: "application/json; charset=utf-8" });
    expect(event.data?.bytes.toString()).toBe('{"total":1.5,"name":"é"}');
  });

  it("in structured mode", () => {
    const { headers, body } = HTTP.structured(theirs);
    const { mode, events } = decodeHttp(flat(headers), Buffer.from(String(body)), STRICT);
    const event = first(events);
    expect(mode).toBe("structured");
    expect(attributes(event)).toEqual(expected);
    expect(event.data).toEqual({ kind: "json", bytes: Buffer.from('{"total":1.5,"name":"é"}') });
    expect(event.attributes.find(({ name }) => name === "num")?.type).toBe("integer");
  });

  it("with characters that it does not encode, as leniencies", () => {
    const { headers, body } = HTTP.binary(theirs.cloneWith({ subject: "Zürich 100%" }));
    const options = lenient();
    const event = first(decodeHttp(flat(headers), Buffer.from(String(body)), options).events);
    expect(attributeOf(event, "subject")).toBe("Zürich 100%");
    expect(options.seen.toSorted()).toEqual(["bare-percent", "raw-utf8", "unencoded-character"]);
  });

  it("in structured mode with binary data", () => {
    const { headers, body } = HTTP.structured(theirs.cloneWith({ data: undefined, data_base64: "AP8=" }));
    const event = first(decodeHttp(flat(headers), Buffer.from(String(body)), STRICT).events);
    expect(event.data).toEqual({ kind: "binary", bytes: Buffer.from([0, 255]) });
  });

  it("on Kafka in both modes", () => {
    for (const { headers, value } of [Kafka.binary(theirs), Kafka.structured(theirs)]) {
      const body = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
      const event = decodeMessage(
        BINDINGS.kafka,
        { contentType: undefined, headers: Object.entries(headers), body },
        STRICT,
      );
      expect(attributes(event)).toMatchObject(expected);
    }
  });

  it("on MQTT in binary mode", () => {
    const { headers, body, PUBLISH } = MQTT.binary(theirs) as {
      headers: object;
      body: unknown;
      PUBLISH?: Record<string, string>;
    };
    const contentType = PUBLISH?.["Content Type"];
    const properties = Object.entries(headers).filter(([name]) => name !== "datacontenttype");
    const event = decodeMessage(
      BINDINGS.mqtt5,
      { contentType, headers: properties, body: Buffer.from(JSON.stringify(body)) },
      lenient(),
    );
    expect(attributes(event)).toMatchObject(expected);
  });
});

describe("what is written here the package reads", () => {
  const ours = jsonEvent({
    time: "2026-01-31T12:00:00.123Z",
    subject: "42",
    ext: "x",
    num: 5,
    datacontenttype: "application/json",
    data: { total: 1.5, name: "é" },
  });

  it("in binary mode", () => {
    const event = toEvent(encodeHttpBinary(ours));
    expect(event).toMatchObject({
      id: "1",
      source: "/s",
      type: "t",
      subject: "42",
      ext: "x",
      data: { total: 1.5, name: "é" },
    });
    expect(event.time).toBe("2026-01-31T12:00:00.123Z");
    expect(event.validate()).toBe(true);
  });

  it("in structured mode", () => {
    const event = toEvent(encodeHttpStructured(ours));
    expect(event).toMatchObject({
      id: "1",
      source: "/s",
      type: "t",
      subject: "42",
      ext: "x",
      num: 5,
      data: { total: 1.5, name: "é" },
    });
  });

  it("in a batch", () => {
    const events = HTTP.toEvent(asTheyReceive(encodeHttpBatch([ours, ours])));
    expect(events).toMatchObject([{ id: "1" }, { id: "1" }]);
  });

  it("though without decoding percent-encoded values, which the raw switch is for", () => {
    const event = binaryEvent(["ce-ext", "a%20b"]);
    expect(toEvent(encodeHttpBinary(event))).toMatchObject({ ext: "a%20b" });
    expect(toEvent(encodeHttpBinary(event, "raw"))).toMatchObject({ ext: "a b" });
  });

  it("on Kafka", () => {
    const { headers, body } = encodeMessage(BINDINGS.kafka, ours, "binary");
    const event = Kafka.toEvent({
      headers: Object.fromEntries(headers),
      key: "k",
      value: body?.toString(),
      body: body?.toString(),
    } as never);
    expect(event).toMatchObject({ id: "1", source: "/s", ext: "x" });
  });
});

describe("where the package differs from the specification, the codec here does not", () => {
  it("keeps digits and zone of time, and takes leap seconds", () => {
    for (const time of ["2026-01-31T12:00:00.123456+02:00", "2016-12-31T23:59:60Z"]) {
      const { headers } = encodeHttpBinary(binaryEvent(["ce-time", time]));
      expect(headers).toContain(time);
      expect(toEvent({ headers, body: undefined }).time).not.toBe(time);
    }
  });

  it("refuses what it accepts silently", () => {
    const accepted = HTTP.toEvent({ headers: { "ce-id": "1" }, body: "" });
    expect(accepted).toMatchObject({ specversion: "1.0" });
    expect(refusal(() => decodeHttp(["ce-id", "1"], undefined, lenient())).at).toBe("specversion");
    expect(refusal(() => jsonEvent({ id: undefined }, lenient())).at).toBe("id");
    expect(refusal(() => jsonEvent({ data_base64: "?" }, lenient())).at).toBe("data_base64");
    expect(refusal(() => jsonEvent({ data: 1, data_base64: "AA==" }, lenient())).at).toBe("data");
  });

  it.each(["0", "false", '""', "null", "9007199254740993", "1.0"])("keeps the data %s", (data) => {
    const event = jsonEvent(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":${data}}`);
    expect(encodeHttpBinary(event).body?.toString()).toBe(data);
  });

  it("keeps extensions whose header name is not lower case", () => {
    expect(attributeOf(binaryEvent(["Ce-MyExt", "x"]), "myext")).toBe("x");
  });

  it("invents no content type, time or id", () => {
    expect(encodeHttpBinary(binaryEvent([])).headers).toEqual([
      "ce-specversion",
      "1.0",
      "ce-id",
      "1",
      "ce-source",
      "/s",
      "ce-type",
      "t",
    ]);
  });

  it("does not trip over attributes named like methods", () => {
    const event = binaryEvent(["ce-tostring", "a", "ce-tojson", "b", "ce-validate", "c", "ce-constructor", "d"]);
    expect(JSON.parse(encodeHttpStructured(event).body?.toString() ?? "")).toMatchObject({
      tostring: "a",
      tojson: "b",
      validate: "c",
    });
  });
});
