/** The dialect `data`: what it finds, how it compares, what it refuses, and what it does not look at. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Data, DataKind, Event } from "../../../src/event/event.ts";
import { compileFilters } from "../../../src/filter/filter.ts";
import {
  DATA_FILTER_BYTES_MAX,
  DATA_POINTER_CHARS_MAX,
  DATA_POINTER_SEGMENTS_MAX,
  FILTER_NODES_MAX,
} from "../../../src/limits.ts";
import { joinPointer } from "../../../src/pointer.ts";

function eventOf(data: Data | undefined, contentType?: string): Event {
  const attributes = [
    { name: "id", type: "string", value: "1" },
    { name: "source", type: "uri-reference", value: "/shop" },
    { name: "type", type: "string", value: "t" },
    ...(contentType === undefined ? [] : [{ name: "datacontenttype", type: "string", value: contentType } as const]),
  ] as const;
  return { id: "1", source: "/shop", type: "t", attributes, data, structured: undefined };
}

function json(text: string, kind: DataKind = "json"): Event {
  return eventOf({ kind, bytes: Buffer.from(text) });
}

function matches(argument: unknown, event: Event): boolean {
  return compileFilters([{ data: argument }], "/filters").matches(event);
}

const ORDER = json(`{"total": 120.5, "country": "DE", "paid": true, "note": null, "items": [{"sku": "a"}, {"sku": "b"}],
  "a/b": 1, "m~n": 2, "": {"": 3}, "01": "x", "big": 9007199254740993, "negative": -9007199254740993, "exp": 1e2}`);

describe("a value", () => {
  it.each<[argument: object, expected: boolean]>([
    [{ pointer: "/country", exact: "DE" }, true],
    [{ pointer: "/country", exact: "de" }, false],
    [{ pointer: "/total", exact: 120.5 }, true],
    [{ pointer: "/total", exact: "120.5" }, false],
    [{ pointer: "/paid", exact: true }, true],
    [{ pointer: "/paid", exact: 1 }, false],
    [{ pointer: "/note", exact: null }, true],
    [{ pointer: "/missing", exact: null }, false],
    [{ pointer: "/exp", exact: 100 }, true],
    [{ pointer: "/country", prefix: "D" }, true],
    [{ pointer: "/country", suffix: "E" }, true],
    [{ pointer: "/total", prefix: "1" }, false],
    [{ pointer: "/total", gt: 120.5 }, false],
    [{ pointer: "/total", gte: 120.5 }, true],
    [{ pointer: "/total", lt: 121 }, true],
    [{ pointer: "/total", lte: 120 }, false],
    [{ pointer: "/total", gt: 100, lt: 200 }, true],
    [{ pointer: "/total", gt: 100, lt: 110 }, false],
    [{ pointer: "/country", gt: 1 }, false],
    [{ pointer: "/paid", gte: 0 }, false],
    [{ pointer: "/missing", lt: 1 }, false],
    [{ pointer: "/note", exists: true }, true],
    [{ pointer: "/missing", exists: true }, false],
    [{ pointer: "/missing", exists: false }, true],
    [{ pointer: "/note", exists: false }, false],
    [{ pointer: "", exists: true }, true],
    [{ pointer: "/items/1/sku", exact: "b" }, true],
    [{ pointer: "/items/2/sku", exists: true }, false],
    [{ pointer: "/items/01/sku", exists: true }, false],
    [{ pointer: "/items/-", exists: true }, false],
    [{ pointer: "/items/length", exists: true }, false],
    [{ pointer: "/01", exact: "x" }, true],
    [{ pointer: "/a~1b", exact: 1 }, true],
    [{ pointer: "/m~0n", exact: 2 }, true],
    [{ pointer: "//", exact: 3 }, true],
    [{ pointer: "/country/length", exists: true }, false],
    [{ pointer: "/constructor", exists: true }, false],
    [{ pointer: "/__proto__", exists: true }, false],
    [{ pointer: "/big", gt: "9007199254740992" }, true],
    [{ pointer: "/big", gte: "9007199254740993", lte: "9007199254740993" }, true],
    [{ pointer: "/big", gte: "9007199254740994" }, false],
    [{ pointer: "/big", gt: 5 }, true],
    [{ pointer: "/negative", lt: "-9007199254740992" }, true],
    [{ pointer: "/total", gt: "120", lt: "121" }, true],
  ])("asked for %j gives %s", (argument, expected) => {
    expect(matches(argument, ORDER)).toBe(expected);
  });

  it("that is itself the whole data is found by the empty pointer", () => {
    expect(matches({ pointer: "", exact: "text" }, json('"text"'))).toBe(true);
  });

  it("called __proto__ is found where the data has it", () => {
    expect(matches({ pointer: "/__proto__/a", exact: 1 }, json('{"__proto__": {"a": 1}}'))).toBe(true);
  });

  it("is compared as the exact integer that it is spelled as", () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 40n), 10n ** 40n), fc.bigInt(-2n, 2n), (value, offset) => {
        const bound = String(value + offset);
        const event = json(`{"n": ${value}}`);
        expect(matches({ pointer: "/n", gte: bound, lte: bound }, event)).toBe(offset === 0n);
        expect(matches({ pointer: "/n", gt: bound }, event)).toBe(offset < 0n);
        expect(matches({ pointer: "/n", lt: bound }, event)).toBe(offset > 0n);
      }),
    );
  });

  it("is found at the pointer that leads to it, in any JSON", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.nat(9)), { maxLength: 8 }), (path) => {
        const document = path.reduceRight<unknown>(
          (inner, step) =>
            typeof step === "number" ? [...Array(step).fill(0), inner] : Object.fromEntries([[step, inner]]),
          "here",
        );
        expect(matches({ pointer: joinPointer("", ...path), exact: "here" }, json(JSON.stringify(document)))).toBe(
          true,
        );
      }),
    );
  });
});

describe("data that is no JSON", () => {
  const present = { pointer: "", exists: true };
  const big = `"${"x".repeat(DATA_FILTER_BYTES_MAX)}"`;

  it.each<[sentence: string, event: Event, expected: boolean, errors: object]>([
    ["matches as a member of a JSON event", json("{}"), true, {}],
    ["matches as bytes of a JSON content type", eventOf(ORDER.data, "application/vnd.a+json; a=b"), true, {}],
    ["without a content type is none", json("{}", "binary"), false, { notJson: 1 }],
    [
      "of another content type is none",
      eventOf({ kind: "binary", bytes: Buffer.from("{}") }, "text/plain"),
      false,
      { notJson: 1 },
    ],
    ["as text is none", eventOf({ kind: "text", bytes: Buffer.from("{}") }, "text/plain"), false, { notJson: 1 }],
    [
      "that claims to be is malformed",
      eventOf({ kind: "binary", bytes: Buffer.from("{") }, "application/json"),
      false,
      { malformedJson: 1 },
    ],
    [
      "in another encoding is malformed",
      eventOf({ kind: "binary", bytes: Buffer.from([0x22, 0xff, 0x22]) }, "application/json"),
      false,
      { malformedJson: 1 },
    ],
    [
      "that is nested beyond all measure is malformed or read, never thrown",
      json(`${"[".repeat(100_000)}`),
      false,
      { malformedJson: 1 },
    ],
    ["beyond the limit is not looked at", json(big), false, { tooLarge: 1 }],
    ["that is absent holds nothing, which is no error", eventOf(undefined), false, {}],
  ])("%s", (_sentence, event, expected, errors) => {
    const filter = compileFilters([{ data: present }], "/filters");
    expect(filter.matches(event)).toBe(expected);
    expect(filter.errors.byKind).toEqual(errors);
  });

  it("does not match a filter that asks for no value either", () => {
    expect(matches({ pointer: "/a", exists: false }, json("x", "binary"))).toBe(false);
    expect(matches({ pointer: "/a", exists: false }, eventOf(undefined))).toBe(true);
  });

  it("is told with the place of the filter", () => {
    const filter = compileFilters([{ any: [{ data: present }, { exact: { id: "2" } }] }], "/filters");
    filter.matches(json("{", "json"));
    expect(filter.errors).toMatchObject({ total: 1, last: "filters[0].any[0].data: malformedJson" });
  });
});

describe("an argument is refused", () => {
  it.each<[argument: unknown, at: string, message: string]>([
    ["x", "/filters/0/data", "must be an object"],
    [{}, "/filters/0/data/pointer", "must be a JSON pointer"],
    [{ pointer: "a", exists: true }, "/filters/0/data/pointer", '"a" is no JSON pointer'],
    [{ pointer: "/~2", exists: true }, "/filters/0/data/pointer", "is no JSON pointer"],
    [{ pointer: `/${"a".repeat(DATA_POINTER_CHARS_MAX)}`, exists: true }, "/filters/0/data/pointer", "1024 characters"],
    [
      { pointer: "/a".repeat(DATA_POINTER_SEGMENTS_MAX + 1), exists: true },
      "/filters/0/data/pointer",
      "64 levels deep",
    ],
    [{ pointer: "/a" }, "/filters/0/data", "must have a test besides its pointer: exact, prefix"],
    [{ pointer: "/a", equals: 1 }, "/filters/0/data/equals", "is not a test: there are exact"],
    [{ pointer: "/a", constructor: 1 }, "/filters/0/data/constructor", "is not a test"],
    [{ pointer: "/a", exact: {} }, "/filters/0/data/exact", "must be a string, a number, true, false or null"],
    [{ pointer: "/a", exact: 2 ** 53 }, "/filters/0/data/exact", "too large to be exact: write `gte` and `lte`"],
    [{ pointer: "/a", gt: 2 ** 53 }, "/filters/0/data/gt", "write the integer as a string"],
    [{ pointer: "/a", gt: "1.5" }, "/filters/0/data/gt", "must be a number"],
    [{ pointer: "/a", gt: null }, "/filters/0/data/gt", "must be a number"],
    [{ pointer: "/a", prefix: "" }, "/filters/0/data/prefix", "must be a string that is not empty"],
    [{ pointer: "/a", suffix: 1 }, "/filters/0/data/suffix", "must be a string that is not empty"],
    [{ pointer: "/a", exists: "yes" }, "/filters/0/data/exists", "must be true or false"],
    [{ pointer: "/a", exists: false, gt: 1 }, "/filters/0/data", "leave out one of them"],
  ])("%j", (argument, at, message) => {
    expect(() => compileFilters([{ data: argument }], "/filters")).toThrow(
      expect.objectContaining({ code: "invalid-request", at, message: expect.stringContaining(message) }),
    );
  });

  it("when there are more tests than filter expressions may be", () => {
    const filters = Array.from({ length: FILTER_NODES_MAX / 2 + 1 }, () => ({ data: { pointer: "/a", gt: 1, lt: 2 } }));
    expect(() => compileFilters(filters, "/filters")).toThrow(`${FILTER_NODES_MAX} filter expressions`);
  });
});

describe("data is parsed", () => {
  const parse = (run: () => void): number => {
    const spy = vi.spyOn(JSON, "parse");
    run();
    const { length } = spy.mock.calls;
    spy.mockRestore();
    return length;
  };
  const onData = { data: { pointer: "/a", exact: 1 } };

  it("once for all filters of all subscriptions that ask about one event", () => {
    const subscriptions = Array.from({ length: 100 }, () => compileFilters([onData, onData], "/filters"));
    const event = json('{"a": 1}');
    expect(parse(() => expect(subscriptions.every((filter) => filter.matches(event))).toBe(true))).toBe(1);
    expect(parse(() => subscriptions[0]?.matches(json('{"a": 1}')))).toBe(1);
  });

  it.each<[sentence: string, filters: readonly object[]]>([
    ["another of the list does not match", [onData, { exact: { type: "other" } }]],
    ["another of all does not match", [{ all: [onData, { not: { exact: { type: "t" } } }] }]],
    ["another of any matches", [{ any: [{ not: onData }, { exact: { type: "t" } }] }]],
    ["the question is settled deep inside", [{ all: [{ any: [onData, onData] }, { sql: "type = 'other'" }] }]],
  ])("never when %s, wherever that stands", (_sentence, filters) => {
    const filter = compileFilters(filters, "/filters");
    expect(parse(() => filter.matches(json('{"a": 1}')))).toBe(0);
  });
});
