/** Every kind of event that is refused, and the attribute that the refusal names. */
import { describe, expect, it } from "vitest";
import { decodeHttp } from "../../../src/event/http.ts";
import { binaryEvent, jsonEvent, lenient, REQUIRED_HEADERS, REQUIRED_MEMBERS, refusal, STRUCTURED } from "./support.ts";

const without = (name: string) => {
  const at = REQUIRED_HEADERS.indexOf(`ce-${name}`);
  return REQUIRED_HEADERS.toSpliced(at, 2);
};
const instead = (name: string, value: string) => [...without(name), `ce-${name}`, value];

describe("binary mode names the attribute of", () => {
  it.each<[what: string, headers: string[], at: string]>([
    ["no CloudEvent at all", ["content-type", "application/json"], "specversion"],
    ["a missing specversion", without("specversion"), "specversion"],
    ["a missing id", without("id"), "id"],
    ["a missing source", without("source"), "source"],
    ["a missing type", without("type"), "type"],
    ["an empty specversion", instead("specversion", ""), "specversion"],
    ["an unknown specversion", instead("specversion", "2.0"), "specversion"],
    ["a patch specversion", instead("specversion", "1.0.2"), "specversion"],
    ["an empty id", instead("id", ""), "id"],
    ["an empty source", instead("source", ""), "source"],
    ["an empty type", instead("type", ""), "type"],
    ["a quoted empty id", instead("id", '""'), "id"],
    ["a source that is no URI-reference", instead("source", "a%20b"), "source"],
    ["an empty subject", [...REQUIRED_HEADERS, "ce-subject", ""], "subject"],
    ["a bad time", [...REQUIRED_HEADERS, "ce-time", "yesterday"], "time"],
    ["a relative dataschema", [...REQUIRED_HEADERS, "ce-dataschema", "/schema"], "dataschema"],
    ["a bad content type", [...REQUIRED_HEADERS, "content-type", "json"], "datacontenttype"],
    ["a content type with a control character", [...REQUIRED_HEADERS, "content-type", 'a/b;c="\t"'], "datacontenttype"],
    ["a content type with an open quote", [...REQUIRED_HEADERS, "content-type", 'a/b;c="\\"'], "datacontenttype"],
    ["an empty content type", [...REQUIRED_HEADERS, "content-type", ""], "datacontenttype"],
    ["two content types", [...REQUIRED_HEADERS, "content-type", "a/b", "Content-Type", "a/b"], "datacontenttype"],
    ["a name with an underscore", [...REQUIRED_HEADERS, "ce-my_ext", "x"], "my_ext"],
    ["a name with a hyphen", [...REQUIRED_HEADERS, "ce-my-ext", "x"], "my-ext"],
    ["an empty name", [...REQUIRED_HEADERS, "ce-", "x"], ""],
    ["the name data", [...REQUIRED_HEADERS, "ce-data", "x"], "data"],
    ["__proto__", [...REQUIRED_HEADERS, "ce-__proto__", "x"], "__proto__"],
    ["a name of 65 characters", [...REQUIRED_HEADERS, `ce-${"x".repeat(65)}`, "x"], "x".repeat(65)],
    ["an encoded line feed", [...REQUIRED_HEADERS, "ce-ext", "a%0Ab"], "ext"],
    ["an encoded NUL", [...REQUIRED_HEADERS, "ce-ext", "%00"], "ext"],
    ["a raw tab", [...REQUIRED_HEADERS, "ce-ext", "a\tb"], "ext"],
    ["an encoded C1 control", [...REQUIRED_HEADERS, "ce-ext", "%C2%85"], "ext"],
    ["an encoded surrogate", [...REQUIRED_HEADERS, "ce-ext", "%ED%A0%80"], "ext"],
    ["an encoded noncharacter", [...REQUIRED_HEADERS, "ce-ext", "%EF%BF%BF"], "ext"],
    ["an overlong encoding", [...REQUIRED_HEADERS, "ce-ext", "%C0%AF"], "ext"],
    ["an attribute given twice", [...REQUIRED_HEADERS, "ce-ext", "a", "CE-EXT", "a"], "ext"],
    ["an id given twice", [...REQUIRED_HEADERS, "ce-id", "2"], "id"],
    ["a specversion given twice", [...REQUIRED_HEADERS, "ce-specversion", "1.0"], "specversion"],
  ])("%s", (_what, headers, at) => {
    const error = refusal(() => decodeHttp(headers, undefined, lenient()));
    expect(error).toMatchObject({ code: "invalid-event", at });
    expect(error.message).toContain(at);
  });
});

describe("structured mode names the member of", () => {
  const members = (changes: string) => `{"specversion":"1.0","id":"1","source":"/s","type":"t",${changes}}`;
  it.each<[what: string, document: string | object, at: string]>([
    ["a missing id", { id: undefined }, "id"],
    ["a null id", { id: null }, "id"],
    ["a null specversion", { specversion: null }, "specversion"],
    ["an empty type", { type: "" }, "type"],
    ["a number as id", { id: 5 }, "id"],
    ["a boolean as time", { time: true }, "time"],
    ["a number as specversion", { specversion: 1.5 }, "specversion"],
    ["a bad time", { time: "2026-02-30T00:00:00Z" }, "time"],
    ["a bad dataschema", { dataschema: "schema.json" }, "dataschema"],
    ["a bad datacontenttype", { datacontenttype: "json" }, "datacontenttype"],
    ["a datacontenttype with a line feed", { datacontenttype: 'a/b;c="\n"' }, "datacontenttype"],
    ["an upper-case name", { myExt: "x" }, "myExt"],
    ["an underscore", { my_ext: "x" }, "my_ext"],
    ["an empty name", { "": "x" }, ""],
    ["a bad name with null", { myExt: null }, "myExt"],
    ["__proto__", members('"__proto__":"x"'), "__proto__"],
    ["a control character", { ext: "a\u0001" }, "ext"],
    ["a lone surrogate", members('"ext":"\\ud800"'), "ext"],
    ["a noncharacter", { ext: "\uffff" }, "ext"],
    ["a fraction", { ext: 1.5 }, "ext"],
    ["a whole number with a point", members('"ext":1.0'), "ext"],
    ["an exponent", members('"ext":1e3'), "ext"],
    ["an integer over int32", { ext: 2147483648 }, "ext"],
    ["an integer under int32", { ext: -2147483649 }, "ext"],
    ["an object", { ext: {} }, "ext"],
    ["an array", { ext: [] }, "ext"],
    ["data with data_base64", { data: 1, data_base64: "AA==" }, "data"],
    ["null data with data_base64", { data: null, data_base64: "AA==" }, "data"],
    ["base64 without padding", { data_base64: "AA" }, "data_base64"],
    ["base64 with white space", { data_base64: "AA== " }, "data_base64"],
    ["base64 of the URL alphabet", { data_base64: "-_-_" }, "data_base64"],
    ["base64 that is a number", { data_base64: 5 }, "data_base64"],
    ["text data with a lone surrogate", members('"datacontenttype":"text/plain","data":"\\udfff"'), "data"],
    ["a member given twice", members('"ext":"a","ext":"a"'), "ext"],
    ["a member given twice in other spelling", members('"ext":"a","\\u0065xt":"b"'), "ext"],
    ["a member given twice, once null", members('"ext":null,"ext":"a"'), "ext"],
    ["an id given twice", members('"id":"2"'), "id"],
    ["a specversion given twice", members('"specversion":"1.0"'), "specversion"],
    ["data given twice", members('"data":1,"data":1'), "data"],
    ["data_base64 given twice", members('"data_base64":null,"data_base64":"AA=="'), "data_base64"],
  ])("%s", (_what, document, at) => {
    const error = refusal(() => jsonEvent(document, lenient()));
    expect(error).toMatchObject({ code: "invalid-event", at });
    expect(error.message).toContain(at);
  });
});

describe("structured mode refuses a body that is", () => {
  const event = JSON.stringify(REQUIRED_MEMBERS);
  it.each<[what: string, body: string | Buffer | undefined]>([
    ["absent", undefined],
    ["empty", ""],
    ["blank", "  \n"],
    ["an array", `[${event}]`],
    ["a string", '"x"'],
    ["cut off", event.slice(0, -1)],
    ["followed by more", `${event},`],
    ["followed by another event", event + event],
    ["with a trailing comma", `${event.slice(0, -1)},}`],
    ["with a comment", `/**/${event}`],
    ["with single quotes", event.replaceAll('"', "'")],
    ["with a raw line feed in a string", event.replace("/s", "/\ns")],
    ["with an unknown escape", event.replace("/s", "\\x")],
    ["with a short \\u escape", event.replace("/s", "\\u12")],
    ["with NaN", `${event.slice(0, -1)},"data":NaN}`],
    ["with a leading zero", `${event.slice(0, -1)},"data":01}`],
    ["with a bare point", `${event.slice(0, -1)},"data":1.}`],
    ["with an empty exponent", `${event.slice(0, -1)},"data":1e}`],
    ["with a plus sign", `${event.slice(0, -1)},"data":+1}`],
    ["with a misspelt word", `${event.slice(0, -1)},"data":nul}`],
    ["with a name without quotes", `{a:1}`],
    ["without a colon", `{"a" 1}`],
    ["nested too deep", `${event.slice(0, -1)},"data":${"[".repeat(128)}${"]".repeat(128)}}`],
    ["not UTF-8", Buffer.from(event.replace("/s", "/\xff"), "latin1")],
    ["not UTF-8 in its data", Buffer.from(`${event.slice(0, -1)},"data":"\xff"}`, "latin1")],
    ["with a raw line feed in its data", `${event.slice(0, -1)},"data":"\n"}`],
    ["with a raw NUL in its data", `${event.slice(0, -1)},"data":"\0"}`],
    ["UTF-16", Buffer.from(event, "utf16le")],
  ])("%s", (_what, body) => {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    expect(refusal(() => decodeHttp(STRUCTURED, bytes, lenient()))).toMatchObject({ code: "invalid-event" });
  });

  it("malformed, and says where", () => {
    expect(refusal(() => jsonEvent('{"id":"1",}')).message).toBe("the JSON is malformed at byte 10: a string expected");
    expect(refusal(() => jsonEvent('{"id":"1"')).message).toBe('the JSON is malformed at its end: "}" expected');
  });
});

it("says what to send when a request is no CloudEvent", () => {
  const { message } = refusal(() => decodeHttp(["host", "x"], Buffer.from("{}"), lenient()));
  expect(message).toContain("ce-specversion, ce-id, ce-source and ce-type");
});

it("never lets a value break out of a header or a record", () => {
  expect(refusal(() => binaryEvent(["ce-ext", "a%0D%0Aset-cookie:%20x"], undefined, lenient())).at).toBe("ext");
});
