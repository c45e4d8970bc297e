import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Attribute, attributeOf, type Event } from "../../../src/event/event.ts";
import { decodeHttp, encodeHttpBatch, encodeHttpBinary, encodeHttpStructured } from "../../../src/event/http.ts";
import { withAttribute } from "../../../src/event/with-attribute.ts";
import {
  anyEvent,
  BATCH,
  binaryEvent,
  essence,
  first,
  jsonEvent,
  lenient,
  REQUIRED_MEMBERS,
  refusal,
  STRICT,
  STRUCTURED,
} from "./support.ts";

const document = (event: Event) => JSON.parse(encodeHttpStructured(event).body?.toString() ?? "");
const ext = (type: Attribute["type"], value: string): Attribute => ({ name: "ext", type, value });

describe("reading the JSON format", () => {
  it("types attributes by their JSON type", () => {
    const event = jsonEvent({ a: "5", b: 5, c: true, d: false, e: null, f: -2147483648, g: "" });
    expect(event.attributes.slice(3)).toEqual([
      { name: "a", type: "string", value: "5" },
      { name: "b", type: "integer", value: "5" },
      { name: "c", type: "boolean", value: "true" },
      { name: "d", type: "boolean", value: "false" },
      { name: "f", type: "integer", value: "-2147483648" },
      { name: "g", type: "string", value: "" },
    ]);
  });

  it("gives negative zero its canonical form", () => {
    const event = jsonEvent('{"specversion":"1.0","id":"1","source":"/s","type":"t","ext":-0}');
    expect(attributeOf(event, "ext")).toBe("0");
  });

  it("takes names that shadow members of objects", () => {
    expect(attributeOf(jsonEvent({ constructor: "a", valueof: "b" }), "constructor")).toBe("a");
  });

  it("undoes escapes in names and values", () => {
    const event = jsonEvent('{"specversion":"1.0","\\u0069d":"\\u00e9\\/\\"\\ud83d\\ude00","source":"/s","type":"t€"}');
    expect([event.id, event.type]).toEqual(['é/"😀', "t€"]);
  });

  it.each([
    '{"a":1.0,"b":1e3,"a":12345678901234567890123}',
    "null",
    "0",
    "false",
    '""',
    '"\\u0061\\ud800"',
    "[ 1 , 2 ]",
    "-0.0e-10",
    "{}",
    `${"[".repeat(127)}${"]".repeat(127)}`,
  ])("keeps the raw text of the data %s", (data) => {
    for (const type of ["", '"datacontenttype":"application/json",', '"datacontenttype":"a/b+JSON; x=y",']) {
      const event = jsonEvent(`{"specversion":"1.0","id":"1","source":"/s","type":"t",${type}"data": ${data} }`);
      expect(event.data).toEqual({ kind: "json", bytes: Buffer.from(data) });
    }
  });

  it("tells the JSON value null from no data", () => {
    expect(jsonEvent({ data: null }).data?.bytes.toString()).toBe("null");
    expect(jsonEvent({}).data).toBeUndefined();
    expect(jsonEvent({ data_base64: null }).data).toBeUndefined();
  });

  it("takes a string under another content type for its characters", () => {
    const read = (data: string) => jsonEvent({ data, datacontenttype: "text/plain" }).data;
    expect(read("plain")).toEqual({ kind: "text", bytes: Buffer.from("plain") });
    expect(read('é "x"\n😀')).toEqual({ kind: "text", bytes: Buffer.from('é "x"\n😀') });
    expect(read("")).toEqual({ kind: "text", bytes: Buffer.alloc(0) });
  });

  it("knows the content type also when it comes after the data", () => {
    const event = jsonEvent(
      '{"data":"x","specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain"}',
    );
    expect(event.data).toEqual({ kind: "text", bytes: Buffer.from("x") });
  });

  it("tolerates JSON under another content type, and refuses it when strict", () => {
    const options = lenient();
    const odd = { data: { a: 1 }, datacontenttype: "text/plain" };
    expect(jsonEvent(odd, options).data).toEqual({ kind: "json", bytes: Buffer.from('{"a":1}') });
    expect(options.seen).toEqual(["json-data-of-other-type"]);
    expect(refusal(() => jsonEvent(odd)).at).toBe("data");
  });

  it("decodes data_base64, and invents no content type for it", () => {
    const event = jsonEvent({ data_base64: "AP8=" });
    expect(event.data).toEqual({ kind: "binary", bytes: Buffer.from([0, 255]) });
    expect(attributeOf(event, "datacontenttype")).toBeUndefined();
    expect(jsonEvent({ data_base64: "" }).data?.bytes).toHaveLength(0);
    expect(
      jsonEvent(String.raw`{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"\/\/8="}`).data?.bytes,
    ).toEqual(Buffer.from([255, 255]));
  });

  it("tolerates white space around, and a byte order mark as a leniency", () => {
    const text = ' \r\n\t{"specversion":"1.0","id":"1","source":"/s","type":"t"}\n';
    expect(jsonEvent(text).structured?.toString()).toBe(text.trim());
    const options = lenient();
    expect(jsonEvent(`\ufeff${text}`, options).structured?.toString()).toBe(text.trim());
    expect(options.seen).toEqual(["byte-order-mark"]);
    expect(refusal(() => jsonEvent(`\ufeff${text}`)).message).toContain("byte order mark");
  });

  it("agrees with JSON.parse on what is well-formed", () => {
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom("", '"', "{", "}", ",", "0", "\\", "e", " ", "-"))
      .map(([json, at, by]) => {
        const index = at % (json.length + 1);
        return json.slice(0, index) + by + json.slice(index + 1);
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), mutated), (data) => {
        const text = `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":[${data}]}`;
        if (isJson(text)) expect(jsonEvent(text).data?.bytes.toString()).toBe(`[${data}]`);
        else expect(refusal(() => jsonEvent(text)).message).toContain("malformed");
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("setting an attribute", () => {
  it("keeps an event in the mode it came in", () => {
    expect(withAttribute(binaryEvent([]), ext("string", "x")).structured).toBeUndefined();
    const event = withAttribute(jsonEvent({ ext: 1, data: [1] }), ext("integer", "2"));
    expect(JSON.parse(event.structured?.toString() ?? "")).toEqual({ ...REQUIRED_MEMBERS, ext: 2, data: [1] });
    expect(jsonEvent(event.structured?.toString() ?? "")).toEqual(event);
  });

  it("leaves JSON data a view of the document, which is stored once then", () => {
    const { data, structured } = withAttribute(
      jsonEvent('{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1.00}'),
      ext("string", "x"),
    );
    expect(data?.bytes.buffer).toBe(structured?.buffer);
    expect(data?.bytes.byteOffset).toBe((structured?.byteOffset ?? 0) + (structured?.indexOf("1.00") ?? 0));
  });

  it.each([
    { datacontenttype: "text/plain", data: 'é "x"' },
    { datacontenttype: "application/octet-stream", data_base64: "AP8=" },
    { datacontenttype: "application/json", data_base64: "MQo=" },
    { data_base64: "" },
    { data: null },
    {},
  ])("keeps the data of %j", (members) => {
    const event = jsonEvent(members);
    const changed = withAttribute(event, ext("string", "x"));
    expect(jsonEvent(changed.structured?.toString() ?? "").data?.bytes).toEqual(event.data?.bytes);
  });
});

describe("writing the JSON format", () => {
  it("sends on the bytes it came as while nothing was changed", () => {
    const text = '{ "type":"t","specversion":"1.0", "id":"1","source":"/s","data":1.00 }';
    const event = jsonEvent(text);
    expect(encodeHttpStructured(event)).toEqual({ headers: STRUCTURED, body: Buffer.from(text) });
    const changed = withAttribute(event, ext("string", "x"));
    expect(encodeHttpStructured(changed).body?.toString()).toBe(
      '{"specversion":"1.0","type":"t","id":"1","source":"/s","ext":"x","data":1.00}',
    );
  });

  it("writes integers and booleans as such, and everything else as strings", () => {
    expect(document(withAttribute(jsonEvent({}), ext("integer", "-5")))).toMatchObject({ ext: -5 });
    expect(document(withAttribute(jsonEvent({}), ext("boolean", "true")))).toMatchObject({ ext: true });
    expect(document(withAttribute(jsonEvent({}), ext("string", "5")))).toMatchObject({ ext: "5" });
    expect(document(withAttribute(jsonEvent({}), ext("string", 'a"\\é')))).toMatchObject({ ext: 'a"\\é' });
  });

  it.each([
    ["application/json", '{"a":1.0}', '"data":{"a":1.0}'],
    ["application/json", '"x"', '"data":"x"'],
    ["application/x+json; a=b", " 1 ", '"data": 1 '],
    ["application/json", "{", `"data_base64":"${Buffer.from("{").toString("base64")}"`],
    ["application/json", '1,"id":"2"', `"data_base64":"${Buffer.from('1,"id":"2"').toString("base64")}"`],
    [
      "application/json",
      "[".repeat(200) + "]".repeat(200),
      `"data_base64":"${Buffer.from("[".repeat(200) + "]".repeat(200)).toString("base64")}"`,
    ],
    ["text/plain", "x", '"data_base64":"eA=="'],
    [undefined, "{}", '"data_base64":"e30="'],
    ["text/plain", "", '"data_base64":""'],
  ])("puts binary-mode data of %s %j into the document", (type, body, member) => {
    const event = binaryEvent(type === undefined ? [] : ["content-type", type], Buffer.from(body));
    const text = encodeHttpStructured(event).body?.toString() ?? "";
    expect(text.endsWith(`,${member}}`)).toBe(true);
    expect(jsonEvent(text).data?.bytes.toString()).toBe(
      body.length > 0 && member.startsWith('"data":') ? body.trim() : body,
    );
  });

  it("puts data that is not UTF-8 into base64 although it claims to be JSON", () => {
    expect(document(binaryEvent(["content-type", "application/json"], Buffer.from([0x22, 0xff, 0x22])))).toMatchObject({
      data_base64: "Iv8i",
    });
  });

  it("puts JSON into base64 that would be nested too deep inside the document", () => {
    const nested = (depth: number) =>
      binaryEvent(["content-type", "text/json"], Buffer.from("[".repeat(depth) + "]".repeat(depth)));
    expect(document(nested(127))).toHaveProperty("data");
    expect(document(nested(128))).toHaveProperty("data_base64");
  });

  it("writes text as a string again after a change", () => {
    const event = withAttribute(jsonEvent({ datacontenttype: "text/plain", data: 'é "x"' }), ext("string", "x"));
    expect(document(event)).toMatchObject({ data: 'é "x"', datacontenttype: "text/plain" });
  });

  it("writes no data member for no data", () => {
    expect(Object.keys(document(withAttribute(jsonEvent({}), ext("string", "x"))))).toEqual([
      "specversion",
      "id",
      "source",
      "type",
      "ext",
    ]);
  });

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(essence(first(decodeHttp(STRUCTURED, encodeHttpStructured(event).body, STRICT).events))).toEqual(
          essence(event),
        );
      }),
    );
  });

  it("reads back the batch it wrote", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 4 }), (events) => {
        const { headers, body } = encodeHttpBatch(events);
        expect(headers).toEqual(BATCH);
        expect(decodeHttp(headers, body, STRICT).events.map(essence)).toEqual(events.map(essence));
      }),
    );
  });
});

describe("between binary and structured mode", () => {
  it("a JSON string keeps its quotes, other text has none", () => {
    const body = (members: object) => encodeHttpBinary(jsonEvent(members)).body?.toString();
    expect(body({ data: "x", datacontenttype: "application/json" })).toBe('"x"');
    expect(body({ data: "x", datacontenttype: "text/plain" })).toBe("x");
  });

  it("says application/json where the JSON format implied it, and only there", () => {
    const contentType = (members: object) => {
      const { headers } = encodeHttpBinary(jsonEvent(members));
      return headers[headers.indexOf("content-type") + 1];
    };
    expect(contentType({ data: {} })).toBe("application/json");
    expect(encodeHttpBinary(jsonEvent({ data_base64: "AA==" })).headers).not.toContain("content-type");
    expect(encodeHttpBinary(jsonEvent({})).headers).not.toContain("content-type");
    expect(contentType({ data: {}, datacontenttype: "text/json" })).toBe("text/json");
  });

  it("turns typed attributes into their canonical strings", () => {
    const { headers } = encodeHttpBinary(jsonEvent({ n: -5, b: true }));
    expect(headers.slice(-4)).toEqual(["ce-n", "-5", "ce-b", "true"]);
  });

  it("binary to structured to binary keeps the bytes of data", () => {
    const anyBody = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
    );
    fc.assert(
      fc.property(anyBody, fc.constantFrom("application/json", "text/plain", undefined), (body, type) => {
        fc.pre(body.length > 0);
        const before = binaryEvent(type === undefined ? [] : ["content-type", type], body);
        const between = first(decodeHttp(STRUCTURED, encodeHttpStructured(before).body, STRICT).events);
        const { headers, body: after } = encodeHttpBinary(between);
        expect(after).toEqual(body);
        expect(essence(first(decodeHttp(headers, after, STRICT).events))).toEqual(essence(before));
      }),
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
