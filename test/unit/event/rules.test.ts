import { describe, expect, it } from "vitest";
import { isJsonMediaType, validateName, validateValue } from "../../../src/event/rules.ts";

describe("attribute names", () => {
  it.each(["a", "0", "9lives", "comexampleextension1", "constructor", "valueof", "hasownproperty", "x".repeat(64)])(
    "takes %s",
    (name) => expect(validateName(name)).toBeUndefined(),
  );
  it.each(["", "data", "myExt", "my_ext", "my-ext", "my.ext", "__proto__", "é", " a", "a\n", "x".repeat(65)])(
    "refuses %j",
    (name) => expect(validateName(name)).toMatch(/^has a name|^has an empty name/),
  );
});

describe("strings", () => {
  it.each(["", " ", "é€😀", "\u00a0", "\ue000", "\ufdcf", "\ufdf0", "\ufffd", "\u{10000}", "\u{10fffd}"])(
    "takes %j",
    (value) => expect(validateValue("string", value)).toBeUndefined(),
  );
  it.each([
    ["\u0000", "control character U+0000"],
    ["a\tb", "control character U+0009"],
    ["a\nb", "control character U+000A"],
    ["\u001f", "control character U+001F"],
    ["\u007f", "control character U+007F"],
    ["\u009f", "control character U+009F"],
    ["\ufdd0", "noncharacter U+FDD0"],
    ["\ufdef", "noncharacter U+FDEF"],
    ["\uffff", "noncharacter U+FFFF"],
    ["\u{1fffe}", "noncharacter U+1FFFE"],
    ["\u{10ffff}", "noncharacter U+10FFFF"],
    ["a\ud800", "unpaired surrogate U+D800"],
    ["\udc00b", "unpaired surrogate U+DC00"],
    ["\ud800\ud800", "unpaired surrogate U+D800"],
  ])("refuses %j for its %s", (value, problem) => {
    expect(validateValue("string", value)).toBe(`contains the ${problem}`);
  });
});

describe("integers", () => {
  it.each(["0", "1", "-1", "2147483647", "-2147483648"])("takes %s", (value) => {
    expect(validateValue("integer", value)).toBeUndefined();
  });
  it.each(["", "-", "+1", "01", "-0", "1.0", "1e3", "0x1", " 1", "2147483648", "-2147483649", "9".repeat(400)])(
    "refuses %s",
    (value) => expect(validateValue("integer", value)).toMatch(/integer/),
  );
});

describe("booleans and binary", () => {
  it("takes true and false only", () => {
    expect(["true", "false", "True", "1", ""].filter((value) => validateValue("boolean", value) === undefined)).toEqual(
      ["true", "false"],
    );
  });
  it.each(["", "AA==", "AAA=", "AAAA", "+/+/"])("takes the base64 %j", (value) => {
    expect(validateValue("binary", value)).toBeUndefined();
  });
  it.each(["A", "AA", "AAA", "AA=A", "=", "====", "A===", "-_-_", "AA A", "AAAA\n", "é==="])(
    "refuses the base64 %j",
    (value) => {
      expect(validateValue("binary", value)).toBe("is not base64");
    },
  );
});

describe("timestamps", () => {
  it.each([
    "2026-01-31T12:00:00Z",
    "2026-01-31t12:00:00z",
    "2026-01-31T12:00:00.1Z",
    "2026-01-31T12:00:00.123456789012345Z",
    "2026-01-31T12:00:00+14:00",
    "2026-01-31T12:00:00-00:00",
    "2024-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2016-12-31T15:59:60.5-08:00",
    "2017-01-01T05:29:60+05:30",
  ])("takes %s", (value) => expect(validateValue("timestamp", value)).toBeUndefined());
  it.each([
    "",
    "now",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-01-31 12:00:00Z",
    "2026-01-31T12:00Z",
    "2026-01-31T12:00:00.Z",
    "2026-01-31T12:00:00,5Z",
    "2026-01-31T12:00:00+1:00",
    "2026-01-31T12:00:00+0100",
    "2026-01-31T12:00:00+24:00",
    "2026-01-31T12:00:00+01:60",
    "2026-01-31T12:00:00ZZ",
    "2026-00-31T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-04-31T12:00:00Z",
    "2026-01-00T12:00:00Z",
    "2026-02-29T12:00:00Z",
    "1900-02-29T12:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:61Z",
    "2026-01-31T12:00:60Z",
    "2016-12-31T23:59:60+01:00",
    "1769860800",
    "２026-01-31T12:00:00Z",
  ])("refuses %j", (value) => expect(validateValue("timestamp", value)).toEqual(expect.any(String)));
});

describe("URI-references", () => {
  it.each([
    "/",
    "a",
    "orders",
    "/a/b:c",
    "./a:b",
    "?q",
    "#f",
    "//host/x",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
    "mailto:cncf-wg-serverless@lists.cncf.io",
    "https://user:pw@example.com:8080/a?b=c/?#d/?",
    "http://[2001:db8::1]:80/x",
    "http://[::1]",
    "file:///etc",
    "1-555-123-4567",
    "/cloudevents/spec/pull/123",
    "a%20b",
  ])("takes %s", (value) => expect(validateValue("uri-reference", value)).toBeUndefined());
  it.each([
    "a b",
    "1:a",
    ":a",
    "a^b",
    "<a>",
    '"',
    "a\\b",
    "{a}",
    "a|b",
    "é",
    "%",
    "%2",
    "%zz",
    "#a#b",
    "/a[0]",
    "http://[::1",
    "http://a[::1]/",
    "http://host:8o/",
    "http://[::1]x:80/",
    "http://[::1]80/",
    "http://a[b@host/",
  ])("refuses %s", (value) => expect(validateValue("uri-reference", value)).toMatch(/^is not a URI-reference/));
  it("asks a URI for a scheme", () => {
    expect(validateValue("uri", "https://example.com/schema#v1")).toBeUndefined();
    expect(validateValue("uri", "urn:schema:1")).toBeUndefined();
    expect(validateValue("uri", "/schema")).toMatch(/absolute/);
    expect(validateValue("uri", "")).toMatch(/absolute/);
  });
});

describe("JSON media types", () => {
  it.each([
    "application/json",
    "APPLICATION/JSON",
    "text/json",
    "application/json; charset=utf-8",
    "application/json ;x",
    "application/vnd.x+json",
    "application/cloudevents+JSON;a=b",
  ])("counts %s as JSON", (type) => expect(isJsonMediaType(type)).toBe(true));
  it.each([
    "",
    "json",
    "text/plain",
    "application/jsonp",
    "application/xjson",
    "application/json-seq",
    "text/x;y=/json",
  ])("does not count %j as JSON", (type) => expect(isJsonMediaType(type)).toBe(false));
});
