/** Goal: CESQL as a filter dialect: what passes, what is refused and where. Method: filters as users write them. */
import { describe, expect, it } from "vitest";
import { PulsebusError } from "../../../../src/errors.ts";
import { compileFilters } from "../../../../src/filter/filter.ts";
import { FILTER_NODES_MAX } from "../../../../src/limits.ts";
import { createEvent } from "./case.ts";

const matches = (filters: readonly unknown[], event = createEvent()): boolean =>
  compileFilters(filters, "/filters").matches(event);

function refusal(filters: readonly unknown[]): PulsebusError {
  try {
    compileFilters(filters, "/filters");
  } catch (error) {
    if (error instanceof PulsebusError) return error;
  }
  throw new Error("the filters were not refused");
}

describe("the dialect sql passes", () => {
  it.each<[sentence: string, expression: string, expected: boolean]>([
    ["an event for which the expression is true", "type LIKE 'com.example.%' AND id = 1", true],
    ["no event for which it is false", "type = 'other'", false],
    ["no event when the value is an Integer", "1", false],
    ["no event when the value is a String, even 'true'", "'true'", false],
    ["no event that lacks an attribute, though the rest is true", "subject = 'x' OR true", false],
    ["an event that lacks an attribute, when that is asked first", "EXISTS subject AND subject = 'x' XOR true", false],
    ["no event that lacks an attribute which must differ", "subject != 'x'", false],
    ["an event whose missing attribute is not evaluated", "id = 1 OR subject = 'x'", true],
    ["no event after a failed cast", "NOT type", false],
    ["no event after a division by zero", "1 / 0 = 0", false],
    ["no event when a function is unknown", "NOT NOWHERE()", false],
  ])("%s", (_sentence, expression, expected) => {
    expect(matches([{ sql: expression }])).toBe(expected);
  });

  it("the same under its name cesql, and nested in other dialects", () => {
    expect(matches([{ cesql: "id = 1" }])).toBe(true);
    expect(matches([{ any: [{ sql: "id = 2" }, { all: [{ sql: "id = 1" }, { exact: { id: "1" } }] }] }])).toBe(true);
    expect(matches([{ not: { sql: "id = 1" } }])).toBe(false);
  });
});

describe("the dialect sql refuses", () => {
  it("an expression that does not parse, with its place in the filters and in the text", () => {
    const error = refusal([{ exact: { id: "1" } }, { not: { sql: "id = 1 AND\n  type LIKE 5" } }]);
    expect(error.code).toBe("invalid-request");
    expect(error.at).toBe("/filters/1/not/sql");
    expect(error.message).toBe(
      "filters[1].not.sql: line 2, column 13 (offset 23): " +
        'expected a string literal as the pattern of LIKE, but found "5"',
    );
  });

  it.each([[1], [true], [null], [{ expression: "id = 1" }], [["id = 1"]]])("%j, which is no text", (argument) => {
    const error = refusal([{ sql: argument }]);
    expect(error).toMatchObject({ code: "invalid-request", at: "/filters/0/sql" });
    expect(error.message).toContain("must be a CESQL expression");
  });

  it("more operations in one subscription than there may be filters", () => {
    const half = `true${" OR true".repeat(FILTER_NODES_MAX / 4)}`;
    expect(matches([{ sql: half }])).toBe(true);
    expect(refusal([{ sql: half }, { sql: half }]).at).toBe("/filters/1");
  });
});
