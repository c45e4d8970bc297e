import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PulsebusError } from "../../../src/errors.ts";
import type { Event } from "../../../src/event/event.ts";
import { compileFilters } from "../../../src/filter/filter.ts";
import { FILTER_DEPTH_MAX, FILTER_NODES_MAX } from "../../../src/limits.ts";

function event(attributes: Readonly<Record<string, string>> = {}): Event {
  const all = { id: "1", source: "/shop/eu", type: "com.example.order.created", ...attributes };
  return {
    id: all.id,
    source: all.source,
    type: all.type,
    attributes: Object.entries(all).map(([name, value]) => ({ name, type: "string", value })),
    data: undefined,
    structured: undefined,
  };
}

const matches = (filters: readonly unknown[], on = event()): boolean => compileFilters(filters, "/filters").matches(on);

describe("filters match", () => {
  const priority5 = event({ priority: "5" });

  it.each<[sentence: string, filters: readonly unknown[], on: Event, expected: boolean]>([
    ["everything when there are none", [], event(), true],
    ["exact: the same value", [{ exact: { type: "com.example.order.created" } }], event(), true],
    ["exact: not a value in other case", [{ exact: { type: "com.example.order.Created" } }], event(), false],
    ["exact: not a part of the value", [{ exact: { type: "com.example" } }], event(), false],
    ["exact: the id", [{ exact: { id: "1" } }], event(), true],
    ["exact: an extension by its canonical string", [{ exact: { priority: "5" } }], priority5, true],
    ["exact: not a missing attribute", [{ exact: { priority: "5" } }], event(), false],
    ["exact: specversion, which every event has", [{ exact: { specversion: "1.0" } }], event(), true],
    ["exact: all entries", [{ exact: { source: "/shop/eu", priority: "5" } }], priority5, true],
    ["exact: not when one entry differs", [{ exact: { source: "/shop/us", priority: "5" } }], priority5, false],
    ["prefix: the start", [{ prefix: { type: "com.example." } }], event(), true],
    ["prefix: not the middle", [{ prefix: { type: "example" } }], event(), false],
    ["prefix: not a missing attribute", [{ prefix: { subject: "a" } }], event(), false],
    ["suffix: the end", [{ suffix: { type: ".created" } }], event(), true],
    ["suffix: not the middle", [{ suffix: { type: "order" } }], event(), false],
    ["all: when each does", [{ all: [{ exact: { id: "1" } }, { prefix: { source: "/shop" } }] }], event(), true],
    ["all: not when one doesn't", [{ all: [{ exact: { id: "1" } }, { exact: { id: "2" } }] }], event(), false],
    ["any: when one does", [{ any: [{ exact: { id: "2" } }, { exact: { id: "1" } }] }], event(), true],
    ["any: not when none does", [{ any: [{ exact: { id: "2" } }, { exact: { id: "3" } }] }], event(), false],
    ["not: the opposite", [{ not: { exact: { id: "1" } } }], event(), false],
    ["not: a missing attribute", [{ not: { exact: { priority: "5" } } }], event(), true],
    ["the list: not when one doesn't", [{ exact: { id: "1" } }, { exact: { id: "2" } }], event(), false],
    ["names of object members like any other", [{ exact: { constructor: "x" } }], event({ constructor: "x" }), true],
    ["no event by what every object has", [{ not: { prefix: { tostring: "f" } } }], event(), true],
  ])("%s", (_sentence, filters, on, expected) => {
    expect(matches(filters, on)).toBe(expected);
  });
});

describe("filters are refused", () => {
  const ok = { exact: { type: "a" } };

  it.each<[filters: readonly unknown[], at: string, message: string]>([
    [["exact"], "/filters/0", "must be an object with a dialect"],
    [[null], "/filters/0", "must be an object with a dialect"],
    [[{}], "/filters/0", "must be an object with a dialect"],
    [[ok, { ...ok, prefix: { type: "a" } }], "/filters/1", "must have one dialect"],
    [
      [{ script: "a = b" }],
      "/filters/0/script",
      '"script" is not a filter dialect: there are exact, prefix, suffix, all, any, not, sql, cesql',
    ],
    [[{ payload: {} }], "/filters/0/payload", "is not a filter dialect"],
    [[{ constructor: {} }], "/filters/0/constructor", "is not a filter dialect"],
    [[{ Exact: { type: "a" } }], "/filters/0/Exact", "is not a filter dialect"],
    [[{ exact: "type" }], "/filters/0/exact", "must map attributes to values"],
    [[{ exact: [] }], "/filters/0/exact", "must map attributes to values"],
    [[{ exact: {} }], "/filters/0/exact", "must name at least one attribute"],
    [[{ exact: { Type: "a" } }], "/filters/0/exact/Type", 'attribute "Type" has a name with other characters'],
    [[{ exact: { "": "a" } }], "/filters/0/exact/", 'attribute "" has an empty name'],
    [[{ suffix: { data: "a" } }], "/filters/0/suffix/data", "reserved for the data"],
    [[{ exact: { type: "" } }], "/filters/0/exact/type", "must not be empty"],
    [[{ exact: { priority: 5 } }], "/filters/0/exact/priority", 'must be a string: write "5"'],
    [[{ exact: { type: null } }], "/filters/0/exact/type", "must be a string"],
    [[{ all: [] }], "/filters/0/all", "must have at least one filter"],
    [[{ any: ok }], "/filters/0/any", "must be a list of filters"],
    [[{ not: [ok] }], "/filters/0/not", "must be an object with a dialect"],
    [[{ any: [ok, { prefix: { Type: "a" } }] }], "/filters/0/any/1/prefix/Type", "filters[0].any[1].prefix.Type: "],
    [[{ not: { exact: { "a/b": "c" } } }], "/filters/0/not/exact/a~1b", "has a name with other characters"],
  ])("%j at %s", (filters, at, message) => {
    expect(() => compileFilters(filters, "/filters")).toThrow(
      expect.objectContaining({ code: "invalid-request", at, message: expect.stringContaining(message) }),
    );
  });
});

describe("limits", () => {
  const nested = (depth: number): unknown => (depth === 1 ? { exact: { id: "1" } } : { all: [nested(depth - 1)] });
  const wide = (count: number): unknown[] => Array.from({ length: count }, () => ({ exact: { id: "1" } }));
  const entries = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, "b"]));

  it("let filters be nested as deep as allowed, and no deeper", () => {
    expect(matches([nested(FILTER_DEPTH_MAX)])).toBe(true);
    expect(() => matches([nested(FILTER_DEPTH_MAX + 1)])).toThrow(`nested ${FILTER_DEPTH_MAX} deep`);
  });

  it("let a subscription have as many filters as allowed, and no more", () => {
    expect(matches(wide(FILTER_NODES_MAX))).toBe(true);
    expect(() => matches(wide(FILTER_NODES_MAX + 1))).toThrow(PulsebusError);
  });

  it("count each attribute of a map", () => {
    expect(() => matches([{ exact: entries(FILTER_NODES_MAX) }])).not.toThrow();
    expect(() => matches([{ exact: entries(FILTER_NODES_MAX + 1) }])).toThrow(PulsebusError);
  });

  it("hold against nesting that would overflow the stack", () => {
    let filter: unknown = { exact: { id: "1" } };
    for (let depth = 0; depth < 100_000; depth++) filter = { not: filter };
    expect(() => matches([filter])).toThrow(PulsebusError);
  });
});

describe("any nesting of filters", () => {
  const name = fc.constantFrom("id", "type", "source", "priority", "subject");
  const text = fc.string({ unit: fc.constantFrom("a", "b", "A"), minLength: 1, maxLength: 3 });
  const attributes = fc.dictionary(name, text, { minKeys: 1 });
  const { filter } = fc.letrec<{ filter: Record<string, unknown> }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 4 },
      fc.record({ exact: attributes }),
      fc.record({ prefix: attributes }),
      fc.record({ suffix: attributes }),
      fc.record({ all: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ any: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie("filter") }),
    ),
  }));

  const inSet = (
    set: unknown,
    holds: (value: string, operand: string) => boolean,
    on: Readonly<Record<string, string>>,
  ) =>
    Object.entries(set as Record<string, string>).every(([key, operand]) => {
      const value = on[key];
      return value !== undefined && holds(value, operand);
    });

  /** The specification word by word, without compiling anything. */
  function holds(expression: Record<string, unknown>, on: Readonly<Record<string, string>>): boolean {
    const nestedOf = (list: unknown) => (list as Record<string, unknown>[]).map((nested) => holds(nested, on));
    if (expression.exact) return inSet(expression.exact, (value, operand) => value === operand, on);
    if (expression.prefix) return inSet(expression.prefix, (value, operand) => value.indexOf(operand) === 0, on);
    if (expression.suffix) {
      return inSet(expression.suffix, (value, operand) => new RegExp(`${operand}$`).test(value), on);
    }
    if (expression.all) return !nestedOf(expression.all).includes(false);
    if (expression.any) return nestedOf(expression.any).includes(true);
    return !holds(expression.not as Record<string, unknown>, on);
  }

  it("says what the specification says", () => {
    fc.assert(
      fc.property(filter, fc.dictionary(name, text), (expression, given) => {
        const on = event(given);
        const values = Object.fromEntries(on.attributes.map((attribute) => [attribute.name, attribute.value]));
        expect(matches([expression], on)).toBe(holds(expression, values));
      }),
    );
  });
});

describe("an evaluation that fails", () => {
  it("does not match, and is counted by its kind, with the place of the last one", () => {
    const filter = compileFilters(
      [{ exact: { id: "1" } }, { any: [{ sql: "priority > 3" }, { sql: "5 / size > 1" }] }],
      "/filters",
    );
    expect(filter.errors).toMatchObject({ total: 0, byKind: {}, last: undefined });
    expect(filter.matches(event({ size: "0" }))).toBe(false);
    expect(filter.errors).toMatchObject({
      total: 2,
      byKind: { missingAttribute: 1, math: 1 },
      last: "filters[1].any[1].sql: math at offset 0",
    });
    expect(filter.matches(event({ priority: "high" }))).toBe(false);
    expect(filter.errors.byKind).toEqual({ missingAttribute: 2, cast: 1, math: 1 });
  });

  it("is not counted when it matches, or does not", () => {
    const filter = compileFilters([{ sql: "EXISTS priority AND priority > 3" }], "/filters");
    for (const attributes of [{}, { priority: "1" }, { priority: "5" }]) filter.matches(event(attributes));
    expect(filter.errors.total).toBe(0);
  });
});

describe("a warning", () => {
  it.each<[sql: string, offset: number | undefined]>([
    ["type = 'a' AND id = '1' OR id = '2'", 24],
    ["type = 'a' OR (id = '1' AND id = '2' XOR id = '3')", 37],
    ["type = 'a' OR (id = '1' AND id = '2')", undefined],
    ["type = 'a' OR id = '1' OR id = '2'", undefined],
    ["NOT (type = 'a' AND id = '1')", undefined],
  ])("says where operators of one precedence are mixed: %s", (sql, offset) => {
    const { warnings } = compileFilters([{ not: { sql } }], "/filters");
    const message = `filters[0].not.sql: AND, OR and XOR are mixed without parentheses at offset ${offset}:`;
    expect(warnings).toEqual(offset === undefined ? [] : [expect.stringContaining(message)]);
  });
});
