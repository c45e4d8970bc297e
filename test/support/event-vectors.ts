/**
 * Events that ways through the bus are tried with: whatever CloudEvents allows and some system is known to change. Each
 * comes in both modes, as a document and as attributes beside its data.
 */
import type { Attribute, AttributeType, Data, Event } from "../../src/event/event.ts";
import { decodeHttp } from "../../src/event/http.ts";

interface EventVector {
  /** The id of its events too, which the mode is added to. */
  readonly name: string;
  /** Besides `id`; `source` and `type` have a value of their own unless they are given. */
  readonly attributes?: readonly Attribute[];
  readonly data?: Buffer;
  /** How a document has the data: the whole member, as it is spelled; `data_base64` unless it is given. */
  readonly member?: string;
}

type Entry = readonly [name: string, value: string, type?: AttributeType];

const KIB = 1_024;
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const JSON_TYPE: Entry = ["datacontenttype", "application/json"];
const TEXT_TYPE: Entry = ["datacontenttype", "text/plain"];
const UNICODE = "Zürich ≠ 東京 – \u0645\u0631\u062d\u0628\u0627 e\u0301 \u{1f469}\u200d\u{1f680} \u{10fffd}";

/** JSON data, whose text has to survive as it is spelled. */
function json(name: string, text: string, attributes: readonly Entry[] = [JSON_TYPE]): EventVector {
  return { name, attributes: typed(attributes), data: Buffer.from(text), member: `"data":${text}` };
}

function extensions(name: string, entries: readonly Entry[]): EventVector {
  return { name, attributes: typed(entries) };
}

const VECTORS: readonly EventVector[] = [
  extensions("nothing but what is required", []),
  json("all context attributes", '{"total":1}', [
    ["source", "https://user@shop.example/orders/%C3%BC?a=b&c#part", "uri-reference"],
    ["type", "com.example.order.created.v2"],
    ["subject", "orders/17, second line"],
    ["time", "2026-11-25T17:31:00Z", "timestamp"],
    ["dataschema", "https://schemas.example/order?version=1#total", "uri"],
    ["datacontenttype", 'application/json; charset="utf-8"'],
  ]),
  extensions("the extensions that have a meaning", [
    ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
    ["tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
    ["partitionkey", "customer 7, north"],
    ["sequence", "00000000000000000042"],
    ["dataref", "https://storage.example/objects/1?sig=a%2Fb", "uri-reference"],
    ["severitynumber", "17", "integer"],
  ]),
  extensions("booleans", [
    ["yes", "true", "boolean"],
    ["no", "false", "boolean"],
    ["word", "true"],
  ]),
  extensions("integers", [
    ["least", "-2147483648", "integer"],
    ["most", "2147483647", "integer"],
    ["zero", "0", "integer"],
    ["below", "-1", "integer"],
    ["byte", "200", "integer"],
    ["word", "32768", "integer"],
    ["digits", "007"],
  ]),
  extensions("strings", [
    ["empty", ""],
    ["spaces", "  two before, two after  "],
    ["percent", "100% %41 %zz %"],
    ["quotes", `"quoted" 'and' \\"escaped\\"`],
    ["separators", "a,b;c=d:e|f&g"],
    ["markup", "<a href='x'>&amp;</a>"],
    ["number", "1e3"],
    ["nothing", "null"],
  ]),
  extensions("binary", [
    ["bytes", EVERY_BYTE.toString("base64"), "binary"],
    ["none", "", "binary"],
  ]),
  extensions("URIs and timestamps", [
    ["absolute", "urn:isbn:0451450523", "uri"],
    ["relative", "../a/./b?c=%20#d", "uri-reference"],
    ["moment", "1937-01-01T12:00:27.87+00:20", "timestamp"],
  ]),
  {
    name: `unicode ${UNICODE}`,
    attributes: typed([
      ["type", UNICODE],
      ["subject", UNICODE],
      ["extension", UNICODE],
      ["datacontenttype", "text/plain; charset=utf-8"],
    ]),
    data: Buffer.from(`${UNICODE}\n`),
    member: `"data":${JSON.stringify(`${UNICODE}\n`)}`,
  },
  extensions("time to the nanosecond", [["time", "2026-11-25T17:31:00.123456789+01:00", "timestamp"]]),
  extensions("time with a leap second", [["time", "2016-12-31T23:59:60Z", "timestamp"]]),
  extensions("time in lower case, with zeros", [["time", "2026-02-28t01:02:03.000100-00:00", "timestamp"]]),
  extensions("no data of a JSON type", [JSON_TYPE]),
  extensions("no data of a text type", [TEXT_TYPE]),
  { name: "empty data", data: Buffer.alloc(0) },
  { name: "empty data of a JSON type", attributes: typed([JSON_TYPE]), data: Buffer.alloc(0) },
  { name: "empty data of a text type", attributes: typed([TEXT_TYPE]), data: Buffer.alloc(0), member: '"data":""' },
  { name: "bytes without a type", data: EVERY_BYTE },
  { name: "bytes", attributes: typed([["datacontenttype", "application/octet-stream"]]), data: EVERY_BYTE },
  { name: "text that is not UTF-8", attributes: typed([TEXT_TYPE]), data: Buffer.from([0xfc, 0xff, 0x0d, 0x0a]) },
  { name: "JSON that is none", attributes: typed([JSON_TYPE]), data: Buffer.from('{"a":') },
  json("JSON with big integers", '{"id":12345678901234567890,"max":18446744073709551615,"min":-9223372036854775808}'),
  json("JSON as it is spelled", '{ "b" : 1.0,\n"a":1E400 , "a":-0.00, "\\u00e9":"\\/\\u0041", "n":[ ] }'),
  {
    name: "JSON in white space, which binary mode can't carry everywhere",
    attributes: typed([JSON_TYPE, ["long", "long ".repeat(400).concat("end")]]),
    data: Buffer.from(' {"total": 1}\r\n'),
  },
  json("a JSON string", '"text"'),
  json("JSON null", "null"),
  json("JSON of a type that ends in +json", "[1, 2]", [["datacontenttype", "application/geo+json"]]),
  json("64 KiB of JSON", `"${"x".repeat(64 * KIB - 2)}"`),
  { name: "64 KiB of bytes", data: Buffer.concat(Array.from({ length: 64 * 4 }, () => EVERY_BYTE)) },
  extensions(
    "30 extensions",
    Array.from({ length: 30 }, (_, index): Entry => [`extension${index}`, `value ${index}`]),
  ),
  extensions("a value of 2 KiB", [["long", "long ".repeat(400).concat("end")]]),
  extensions("names of letters and digits", [
    ["0", "a digit"],
    ["aname0of0forty0letters0and0digits0abcdefg", "a long one"],
    ["constructor", "of objects"],
    ["contenttype", "no data here"],
    ["key", "k"],
  ]),
  {
    name: "an event within an event",
    attributes: typed([["datacontenttype", "application/cloudevents+json"]]),
    data: Buffer.from('{"specversion":"1.0","id":"inner","source":"/inner","type":"inner"}'),
    member: '"data":{"specversion":"1.0","id":"inner","source":"/inner","type":"inner"}',
  },
];

/** As they come from a protocol that has types, in binary mode. */
export const BINARY_EVENTS: readonly Event[] = VECTORS.map((vector) => {
  const attributes = attributesOf(vector, "binary");
  const value = (name: string): string => attributes.find((attribute) => attribute.name === name)?.value ?? "";
  const data: Data | undefined = vector.data && { kind: "binary", bytes: vector.data };
  return {
    ...{ id: value("id"), source: value("source"), type: value("type") },
    ...{ attributes, data, structured: undefined },
  };
});

/** As they come in structured mode. */
export const STRUCTURED_EVENTS: readonly Event[] = VECTORS.flatMap((vector) => {
  const headers = ["content-type", "application/cloudevents+json"];
  return decodeHttp(headers, Buffer.from(documentOf(vector)), { strict: true, leniency() {} }).events;
});

/** `with-mode`: events in structured mode have to stay so, with the types that a document carries. */
export type Comparison = "with-mode" | "without-mode";

/** In which attributes and bytes `actual` differs from `expected`. */
export function differences(expected: Event, actual: Event, comparison: Comparison): string[] {
  const isDocument = expected.structured !== undefined && comparison === "with-mode";
  const [wanted, found] = [attributesByName(expected, isDocument), attributesByName(actual, isDocument)];
  const names = [...new Set([...wanted.keys(), ...found.keys()])];
  const changed = names
    .filter((name) => wanted.get(name) !== found.get(name))
    .map((name) => `${name} is ${found.get(name)}, not ${wanted.get(name)}`);
  const [bytes, foundBytes] = [expected.data?.bytes, actual.data?.bytes];
  if (bytes === undefined ? foundBytes !== undefined : foundBytes === undefined || !bytes.equals(foundBytes)) {
    changed.push(`the data is ${shown(foundBytes)}, not ${shown(bytes)}`);
  }
  if (isDocument && actual.structured === undefined) changed.push("the mode is binary, not structured");
  return changed;
}

function attributesByName({ attributes }: Event, withType: boolean): ReadonlyMap<string, string> {
  return new Map(attributes.map(({ name, type, value }) => [name, withType ? `${type} ${value}` : value]));
}

function typed(entries: readonly Entry[]): readonly Attribute[] {
  return entries.map(([name, value, type = "string"]) => ({ name, type, value }));
}

function attributesOf({ name, attributes = [] }: EventVector, mode: string): readonly Attribute[] {
  const required: readonly Attribute[] = [
    { name: "id", type: "string", value: `${name}, ${mode}` },
    { name: "source", type: "uri-reference", value: "/vectors" },
    { name: "type", type: "string", value: "com.example.vector" },
  ];
  const given = new Set(attributes.map((attribute) => attribute.name));
  return [...required.filter((attribute) => !given.has(attribute.name)), ...attributes];
}

function documentOf(vector: EventVector): string {
  const members = attributesOf(vector, "structured").map(({ name, type, value }) => {
    const bare = type === "integer" || type === "boolean";
    return `"${name}":${bare ? value : JSON.stringify(value)}`;
  });
  const base64 = vector.data && `"data_base64":"${vector.data.toString("base64")}"`;
  const data = vector.member ?? base64;
  return `{${['"specversion":"1.0"', ...members, ...(data === undefined ? [] : [data])].join(", ")}}`;
}

function shown(bytes: Buffer | undefined): string {
  return bytes === undefined ? "absent" : `${bytes.length} bytes (${bytes.toString("base64").slice(0, 60)})`;
}
