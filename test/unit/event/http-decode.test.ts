import { describe, expect, it } from "vitest";
import { attributeOf } from "../../../src/event/event.ts";
import { decodeHttp } from "../../../src/event/http.ts";
import { BATCH_COUNT_MAX } from "../../../src/limits.ts";
import {
  BATCH,
  binaryEvent,
  first,
  jsonEvent,
  lenient,
  REQUIRED_HEADERS,
  REQUIRED_MEMBERS,
  refusal,
  STRICT,
  STRUCTURED,
} from "./support.ts";

describe("binary mode", () => {
  it("reads attributes in order, whatever the case of the header names", () => {
    const headers = [
      "CE-Id",
      "1",
      "Host",
      "h",
      "Ce-MyExt",
      "x",
      "cE-type",
      "t",
      "ce-SOURCE",
      "/s",
      "ce-specversion",
      "1.0",
    ];
    const { mode, events } = decodeHttp(headers, undefined, STRICT);
    expect(mode).toBe("binary");
    expect(first(events)).toEqual({
      id: "1",
      source: "/s",
      type: "t",
      attributes: [
        { name: "id", type: "string", value: "1" },
        { name: "myext", type: "string", value: "x" },
        { name: "type", type: "string", value: "t" },
        { name: "source", type: "uri-reference", value: "/s" },
      ],
      data: undefined,
      structured: undefined,
    });
  });

  it("takes Content-Type for datacontenttype as it is, and leaves it absent when it is absent", () => {
    expect(
      attributeOf(binaryEvent(["Content-Type", 'a/b ; c="d\\"e"; f=g;'], Buffer.from("")), "datacontenttype"),
    ).toBe('a/b ; c="d\\"e"; f=g;');
    const typed = binaryEvent(["Content-Type", "Application/JSON; charset=UTF-8"], Buffer.from("{}"));
    expect(attributeOf(typed, "datacontenttype")).toBe("Application/JSON; charset=UTF-8");
    expect(attributeOf(binaryEvent([], Buffer.from("x")), "datacontenttype")).toBeUndefined();
  });

  it("keeps data bytes as they are, without looking into them", () => {
    const body = Buffer.from([0, 255, 123, 10]);
    const { data } = binaryEvent(["content-type", "application/json"], body);
    expect(data).toEqual({ kind: "binary", bytes: body });
    expect(data?.bytes).toBe(body);
  });

  it("keeps the spelling of time", () => {
    expect(attributeOf(binaryEvent(["ce-time", "2016-12-31T15:59:60.1230000-08:00"]), "time")).toBe(
      "2016-12-31T15:59:60.1230000-08:00",
    );
  });

  it("invents nothing", () => {
    expect(binaryEvent([]).attributes.map(({ name }) => name)).toEqual(["id", "source", "type"]);
  });

  it("tells data of no bytes from no data by the content type", () => {
    expect(binaryEvent([], Buffer.alloc(0)).data).toBeUndefined();
    expect(binaryEvent(["content-type", "application/json"], Buffer.alloc(0)).data).toBeUndefined();
    expect(binaryEvent(["content-type", "text/plain"], Buffer.alloc(0)).data?.bytes).toHaveLength(0);
    expect(binaryEvent(["content-type", "text/plain"], undefined).data).toBeUndefined();
  });

  it("takes names that shadow members of objects, and they stay harmless", () => {
    const event = binaryEvent(["ce-constructor", "a", "ce-toString", "b", "ce-toJSON", "c", "ce-hasOwnProperty", "d"]);
    expect(event.attributes.slice(3).map(({ name }) => name)).toEqual([
      "constructor",
      "tostring",
      "tojson",
      "hasownproperty",
    ]);
    expect(String(event)).toBe("[object Object]");
  });
});

describe("header values", () => {
  it.each([
    ["Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"],
    ["%e2%82%ac", "€"],
    ["%41%42", "AB"],
    ["a%2520b", "a%20b"],
    ["a%25b", "a%b"],
    ["a+b", "a+b"],
    ['"a b"', "a b"],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['"%22a%22"', '"a"'],
    ['""', ""],
    ["", ""],
  ])("reads %s as %j", (raw, value) => {
    expect(attributeOf(binaryEvent(["ce-ext", raw]), "ext")).toBe(value);
  });

  it.each([
    ["100%", "100%", "bare-percent"],
    ["%zz%4", "%zz%4", "bare-percent"],
    ["5% of %41", "5% of A", "bare-percent"],
    ["a b", "a b", "unencoded-character"],
    ['a"b', 'a"b', "unencoded-character"],
    ['"a', '"a', "unencoded-character"],
    ['"a\\"', '"a\\"', "unencoded-character"],
    ['"a"b"', '"a"b"', "unencoded-character"],
    [Buffer.from("é€😀").toString("latin1"), "é€😀", "raw-utf8"],
    [Buffer.from("é%20").toString("latin1"), "é ", "raw-utf8"],
  ])("tolerates %j, counts it, and refuses it when strict", (raw, value, leniency) => {
    const options = lenient();
    expect(attributeOf(binaryEvent(["ce-ext", raw], undefined, options), "ext")).toBe(value);
    expect(options.seen).toContain(leniency);
    expect(refusal(() => binaryEvent(["ce-ext", raw]))).toMatchObject({ code: "invalid-event", at: "ext" });
  });

  it.each([
    "%C3",
    "%C3%28",
    "%C0%80",
    "%E0%80%80",
    "%ED%A0%80",
    "%F4%90%80%80",
    "%F5%80%80%80",
    "%80",
    "%E2%82",
    "%C3x",
    "\xe9",
  ])("refuses %j, which is not UTF-8", (raw) => {
    const error = refusal(() => binaryEvent(["ce-ext", raw], undefined, lenient()));
    expect(error).toMatchObject({ code: "invalid-event", at: "ext" });
    expect(error.message).toContain("UTF-8");
  });

  it("tolerates datacontenttype as an attribute, where Content-Type wins", () => {
    const options = lenient();
    const both = ["ce-datacontenttype", "text/xml", "Content-Type", "text/plain"];
    expect(attributeOf(binaryEvent(both, undefined, options), "datacontenttype")).toBe("text/plain");
    expect(attributeOf(binaryEvent(both.slice(0, 2), undefined, options), "datacontenttype")).toBe("text/xml");
    expect(options.seen).toEqual(["misplaced-datacontenttype", "misplaced-datacontenttype"]);
    expect(refusal(() => binaryEvent(both)).at).toBe("datacontenttype");
  });
});

describe("the mode", () => {
  const document = Buffer.from(JSON.stringify(REQUIRED_MEMBERS));

  it.each([
    "application/cloudevents+json",
    "Application/CloudEvents+JSON",
    "application/cloudevents+json; charset=UTF-8",
    'application/cloudevents+json;charset="utf-8"',
    "application/cloudevents+json ; charset=utf8",
  ])("is structured for %s", (type) => {
    const { mode, events } = decodeHttp(["Content-Type", type], document, STRICT);
    expect([mode, events.length]).toEqual(["structured", 1]);
  });

  it.each(["application/cloudevents-batch+json", "APPLICATION/CLOUDEVENTS-BATCH+JSON; charset=utf-8"])(
    "is batch for %s",
    (type) => {
      const { mode, events } = decodeHttp(
        ["Content-Type", type],
        Buffer.concat([Buffer.from("["), document, Buffer.from("]")]),
        STRICT,
      );
      expect([mode, events.length]).toEqual(["batch", 1]);
    },
  );

  it.each([
    "application/cloudevents",
    "application/cloudevents+avro",
    "application/cloudevents+xml",
    "application/cloudevents+protobuf",
    "application/cloudevents-batch+protobuf",
    "application/cloudevents-batch",
    "application/cloudevents+jsonx",
    "application/cloudevents+json; charset=utf-16",
  ])("is unsupported for %s", (type) => {
    expect(refusal(() => decodeHttp(["content-type", type], document, lenient())).code).toBe("unsupported-media-type");
  });

  it("follows the payload when ce- headers are repeated beside it", () => {
    const headers = [...STRUCTURED, "ce-id", "other", "ce-bad_name", "\x01"];
    expect(first(decodeHttp(headers, document, STRICT).events).id).toBe("1");
  });

  it("refuses content codings with 415, but not identity", () => {
    expect(refusal(() => binaryEvent(["Content-Encoding", "gzip"])).code).toBe("unsupported-media-type");
    expect(binaryEvent(["content-encoding", "identity"]).id).toBe("1");
  });
});

describe("a batch", () => {
  const read = (document: unknown) => decodeHttp(BATCH, Buffer.from(JSON.stringify(document)), lenient());

  it("may be empty", () => expect(read([]).events).toEqual([]));

  it("keeps each event's own document", () => {
    const text = `[ {"specversion":"1.0","id":"1","source":"/s","type":"t","data":1.0} ,\n{"id":"2","source":"/s","type":"t","specversion":"1.0"} ]`;
    const [one, two] = decodeHttp(BATCH, Buffer.from(text), STRICT).events;
    expect(one?.structured?.toString()).toBe('{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1.0}');
    expect(one?.data?.bytes.toString()).toBe("1.0");
    expect(two?.id).toBe("2");
  });

  it("is refused for one bad event, with its index and attribute", () => {
    const error = refusal(() => read([REQUIRED_MEMBERS, { ...REQUIRED_MEMBERS, id: "" }, REQUIRED_MEMBERS]));
    expect(error).toMatchObject({ code: "invalid-event", at: "id", index: 1 });
    expect(error.message).toBe('event 1 of the batch: attribute "id" is empty');
  });

  it.each([[["1.0", "0.3"]], [["0.3", "1.0"]]])("is refused with the specversions %j", (versions) => {
    const error = refusal(() => read(versions.map((specversion) => ({ ...REQUIRED_MEMBERS, specversion }))));
    expect(error).toMatchObject({ code: "invalid-event", at: "specversion", index: 1 });
  });

  it("is refused when it holds something else than events", () => {
    expect(refusal(() => read([REQUIRED_MEMBERS, 5]))).toMatchObject({ code: "invalid-event", index: 1 });
    expect(refusal(() => read(REQUIRED_MEMBERS)).message).toContain("no JSON array");
  });

  it("has a bound", () => {
    const many = (count: number) => `[${new Array(count).fill(JSON.stringify(REQUIRED_MEMBERS)).join()}]`;
    expect(decodeHttp(BATCH, Buffer.from(many(BATCH_COUNT_MAX)), STRICT).events).toHaveLength(BATCH_COUNT_MAX);
    expect(refusal(() => decodeHttp(BATCH, Buffer.from(many(BATCH_COUNT_MAX + 1)), STRICT)).code).toBe("too-large");
  });
});

describe("limits on attributes", () => {
  const extensions = (count: number, value: string) =>
    Array.from({ length: count }, (_, i) => [`ce-x${i}`, value]).flat();

  it("takes 256 of them and no more", () => {
    expect(binaryEvent(extensions(253, "v")).attributes).toHaveLength(256);
    expect(refusal(() => binaryEvent(extensions(254, "v"))).code).toBe("too-large");
    const nulls = Object.fromEntries(Array.from({ length: 254 }, (_, i) => [`x${i}`, null]));
    expect(refusal(() => jsonEvent(nulls)).code).toBe("too-large");
  });

  it("takes 64 KiB of them together and no more", () => {
    const rest = 64 * 1024 - "id1source/stypetbig".length;
    expect(attributeOf(binaryEvent(["ce-big", "v".repeat(rest)]), "big")).toHaveLength(rest);
    expect(refusal(() => binaryEvent(["ce-big", "v".repeat(rest + 1)]))).toMatchObject({
      code: "too-large",
      at: "big",
    });
    expect(refusal(() => binaryEvent(["ce-big", "%C3%A9".repeat(rest / 2 + 1)])).code).toBe("too-large");
  });
});

it("takes an event of 64 KiB in every mode, which every intermediary must", () => {
  const attributes = ["ce-ext", "%C3%A9".repeat(5_000)];
  const body = Buffer.alloc(32 * 1024, "x");
  const event = binaryEvent([...attributes, "content-type", "text/plain"], body);
  expect(event.data?.bytes).toHaveLength(32 * 1024);
  const document = { ext: "é".repeat(5_000), data: "x".repeat(54 * 1024) };
  expect(jsonEvent(document).data?.bytes).toHaveLength(54 * 1024 + 2);
  const batch = `[${JSON.stringify({ ...REQUIRED_MEMBERS, ...document })}]`;
  expect(first(decodeHttp(BATCH, Buffer.from(batch), STRICT).events).data?.bytes).toHaveLength(54 * 1024 + 2);
});

describe("CloudEvents 0.3", () => {
  const legacy = (members: object) => jsonEvent({ specversion: "0.3", ...members }, lenient());

  it("becomes 1.0: schemaurl is dataschema, and the document is not sent on as it is", () => {
    const event = legacy({ schemaurl: "https://example.com/s", data: { a: 1 } });
    expect(attributeOf(event, "dataschema")).toBe("https://example.com/s");
    expect(attributeOf(event, "schemaurl")).toBeUndefined();
    expect(event.structured).toBeUndefined();
    expect(event.data).toEqual({ kind: "json", bytes: Buffer.from('{"a":1}') });
  });

  it.each(["image/png", "application/json", undefined])("has its base64 data decoded, datacontenttype %s", (type) => {
    const event = legacy({ datacontenttype: type, datacontentencoding: "Base64", data: "AP8=" });
    expect(event.data).toEqual({ kind: "binary", bytes: Buffer.from([0, 255]) });
    expect(attributeOf(event, "datacontentencoding")).toBeUndefined();
  });

  it("is read in binary mode as well", () => {
    const headers = [
      "ce-specversion",
      "0.3",
      ...REQUIRED_HEADERS.slice(2),
      "ce-schemaurl",
      "urn:s",
      "ce-datacontentencoding",
      "base64",
    ];
    const event = first(decodeHttp(headers, Buffer.from("AP8="), lenient()).events);
    expect(event.data?.bytes).toEqual(Buffer.from([0, 255]));
    expect(attributeOf(event, "dataschema")).toBe("urn:s");
  });

  it.each([
    [{ datacontentencoding: "gzip", data: "x" }, "datacontentencoding"],
    [{ datacontentencoding: "base64", data: "x" }, "data"],
    [{ datacontentencoding: "base64", data: 5 }, "data"],
    [{ schemaurl: "relative" }, "schemaurl"],
    [{ schemaurl: "urn:a", dataschema: "urn:b" }, "schemaurl"],
    [{ ext: { a: 1 } }, "ext"],
  ])("is refused with %j", (members, at) => {
    expect(refusal(() => legacy(members))).toMatchObject({ code: "invalid-event", at });
  });

  it("is counted, and refused when strict", () => {
    const options = lenient();
    jsonEvent({ specversion: "0.3" }, options);
    expect(options.seen).toEqual(["specversion-0.3"]);
    expect(refusal(() => jsonEvent({ specversion: "0.3" })).at).toBe("specversion");
  });

  it("gives its names no meaning in 1.0", () => {
    const event = jsonEvent({ schemaurl: "anything", datacontentencoding: "base64", data: "x" });
    expect(attributeOf(event, "schemaurl")).toBe("anything");
    expect(event.data?.bytes.toString()).toBe('"x"');
  });
});
