/**
 * Goal: an expression is total, whoever wrote it. Method: random and hostile texts against the parser, random integers
 * against BigInt, random trees against the rules that hold for every expression.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Expression } from "../../../../src/filter/cesql/expression.ts";
import { ParseError } from "../../../../src/filter/cesql/parse-error.ts";
import {
  CESQL_CHARS_MAX,
  CESQL_DEPTH_MAX,
  CESQL_NODES_MAX,
  CESQL_PATTERN_CHARS_MAX,
  CESQL_STRING_CHARS_MAX,
} from "../../../../src/limits.ts";
import { createEvent } from "./case.ts";

const EVENT = createEvent({ subject: "abc", hop: 5, flag: true, big: "a".repeat(60_000) });

function faultOf(source: string): ParseError | undefined {
  try {
    new Expression(source);
    return undefined;
  } catch (error) {
    if (error instanceof ParseError) return error;
    throw error;
  }
}

describe("the parser", () => {
  const FRAGMENTS = [
    ..."AND OR XOR NOT LIKE EXISTS IN TRUE false ( ) , * / % + - = != <> < <= > >= 1 -2 +3 2147483648".split(" "),
    ..."subject hop 1a a_b ABS( CONCAT( 'a%' \"b\" 'it\\'s' ' \\ ! 🚀 é".split(" "),
  ];
  const soup = fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 20 }).map((parts) => parts.join(" "));

  it("throws nothing but ParseError, with a place inside of the expression", () => {
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: "binary" }), fc.string()), (source) => {
        const { offset } = faultOf(source) ?? { offset: 0 };
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(offset).toBeLessThanOrEqual(source.length);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ["parentheses", "(".repeat(10_000), `nested ${CESQL_DEPTH_MAX} deep`],
    ["closing parentheses", ")".repeat(10_000), 'found ")"'],
    ["pairs of parentheses", "()".repeat(5_000), 'found ")"'],
    ["NOT", "NOT ".repeat(4_000), `nested ${CESQL_DEPTH_MAX} deep`],
    ["minus signs", "- ".repeat(8_000), `nested ${CESQL_DEPTH_MAX} deep`],
    ["calls", "ABS(".repeat(4_000), `nested ${CESQL_DEPTH_MAX} deep`],
    ["sets", "1 IN (".repeat(2_000), `nested ${CESQL_DEPTH_MAX} deep`],
    ["OR", `true${" OR true".repeat(1_500)}`, `${CESQL_NODES_MAX} operations`],
    ["plus", `1${" + 1".repeat(2_000)}`, `${CESQL_NODES_MAX} operations`],
    ["LIKE", `true${" LIKE 'a'".repeat(1_500)}`, `${CESQL_NODES_MAX} operations`],
    ["elements", `1 IN (1${",1".repeat(5_000)})`, `${CESQL_NODES_MAX} operations`],
    ["quotes", "'".repeat(16_001), "has no closing"],
    ["backslashes", `'${"\\".repeat(16_000)}`, "has no closing"],
    ["a string without end", `'${"a".repeat(16_000)}`, "has no closing"],
    ["a name", `${"a".repeat(16_000)}!`, 'found "!"'],
    ["spaces", `${" ".repeat(16_000)}!`, 'found "!"'],
    ["digits", "1".repeat(16_000), "outside of the 32-bit integers"],
    ["a pattern", `subject LIKE '${"%".repeat(CESQL_PATTERN_CHARS_MAX + 1)}'`, `${CESQL_PATTERN_CHARS_MAX} characters`],
    ["characters", " ".repeat(CESQL_CHARS_MAX + 1), `${CESQL_CHARS_MAX} characters`],
  ])("refuses thousands of %s at once", (_name, source, message) => {
    const started = performance.now();
    expect(faultOf(source)?.message).toContain(message);
    expect(performance.now() - started).toBeLessThan(500);
  });

  it("takes what is just within the limits", () => {
    const elements = Array.from({ length: CESQL_NODES_MAX - 2 }, (_, i) => i).join(",");
    expect(new Expression(`hop IN (${elements})`).matches(EVENT)).toBe(true);
    expect(new Expression(`false${" OR false".repeat(CESQL_NODES_MAX / 2 - 1)}`).matches(EVENT)).toBe(false);
    expect(new Expression(`1 + ${"1 + ".repeat(CESQL_NODES_MAX / 2 - 2)}1`).evaluate(EVENT).value).toBe(500);
    expect(new Expression(`${"(".repeat(CESQL_DEPTH_MAX)}flag${")".repeat(CESQL_DEPTH_MAX)}`).matches(EVENT)).toBe(
      true,
    );
    expect(new Expression(`${"NOT ".repeat(CESQL_DEPTH_MAX)}flag`).matches(EVENT)).toBe(true);
    expect(new Expression(`big LIKE '${"%".repeat(CESQL_PATTERN_CHARS_MAX)}'`).matches(EVENT)).toBe(true);
    expect(new Expression(`flag${" ".repeat(CESQL_CHARS_MAX - 4)}`).matches(EVENT)).toBe(true);
  });
});

describe("integer arithmetic", () => {
  const edges = fc.constantFrom(0, 1, -1, 2, 65_536, -65_536, 46_341, 2 ** 31 - 1, 1 - 2 ** 31, -(2 ** 31));
  const integer = fc.oneof(edges, fc.integer());

  it.each([
    ["+", (x: bigint, y: bigint) => x + y],
    ["-", (x: bigint, y: bigint) => x - y],
    ["*", (x: bigint, y: bigint) => x * y],
    ["/", (x: bigint, y: bigint) => x / y],
    ["%", (x: bigint, y: bigint) => x % y],
  ] as const)("calculates %s as BigInt does, and reports what leaves the 32 bits", (operator, calculate) => {
    const onAttributes = new Expression(`x ${operator} y`);
    fc.assert(
      fc.property(integer, integer, (x, y) => {
        const exact = y === 0 && "/%".includes(operator) ? undefined : calculate(BigInt(x), BigInt(y));
        const fits = exact !== undefined && BigInt.asIntN(32, exact) === exact;
        const expected = { value: fits ? Number(exact) : 0, errors: fits ? [] : [{ kind: "math", offset: 0 }] };
        expect(new Expression(`${x} ${operator} ${y}`).evaluate(EVENT)).toEqual(expected);
        expect(onAttributes.evaluate(createEvent({ x, y }))).toEqual(expected);
        expect(onAttributes.evaluate(createEvent({ x: `${x}`, y: `${y}` }))).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("an expression", () => {
  const atom = fc.constantFrom("subject", "hop", "flag", "absent", "1", "-7", "0", "2147483647", "true", "'5'", "'x%'");
  const BINARY = "AND OR XOR = != <> < <= > >= + - * / %".split(" ");
  const CALLS = "LENGTH UPPER TRIM ABS INT BOOL STRING CONCAT NOWHERE".split(" ");
  const { tree } = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      atom,
      fc.tuple(tie("tree"), fc.constantFrom(...BINARY), tie("tree")).map(([x, op, y]) => `(${x}) ${op} (${y})`),
      fc.tuple(fc.constantFrom("NOT", "-"), tie("tree")).map(([op, x]) => `${op} (${x})`),
      fc.tuple(fc.constantFrom(...CALLS), tie("tree")).map(([name, x]) => `${name}(${x})`),
      fc.tuple(tie("tree"), fc.constantFrom("LIKE", "NOT LIKE")).map(([x, like]) => `(${x}) ${like} '%5_%'`),
      fc.tuple(tie("tree"), fc.constantFrom("IN", "NOT IN"), tie("tree")).map(([x, op, y]) => `(${x}) ${op} (1, ${y})`),
      fc.tuple(fc.constantFrom("LEFT", "SUBSTRING"), tie("tree"), tie("tree")).map(([f, x, y]) => `${f}(${x}, ${y})`),
    ),
  }));

  it("always has a value of the three types, and the same one every time", () => {
    fc.assert(
      fc.property(tree, (source) => {
        const first = new Expression(source).evaluate(EVENT);
        const again = new Expression(source);
        expect(["string", "number", "boolean"]).toContain(typeof first.value);
        if (typeof first.value === "number") expect(first.value | 0).toBe(first.value);
        expect(again.evaluate(EVENT)).toEqual(first);
        expect(again.evaluate(EVENT)).toEqual(first);
      }),
      { numRuns: 3_000 },
    );
  });

  it("fails fast with the first of the errors of complete mode", () => {
    fc.assert(
      fc.property(tree, (source) => {
        const expression = new Expression(source);
        const complete = expression.evaluate(EVENT);
        const failFast = expression.evaluateFailFast(EVENT);
        expect(failFast.errors).toEqual(complete.errors.slice(0, 1));
        expect(typeof failFast.value).toBe(typeof complete.value);
        expect(expression.matches(EVENT)).toBe(complete.value === true && complete.errors.length === 0);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each(["absent = 'x' OR hop = 5", "NOT (absent = 'x') AND hop = 5"])(
    "evaluates no right side after it: %s",
    (source) => {
      let reads = 0;
      const counting = {
        ...EVENT,
        get attributes() {
          reads++;
          return EVENT.attributes;
        },
      };
      const expression = new Expression(source);
      expression.evaluateFailFast(counting);
      expect(reads).toBe(1);
      expression.evaluate(counting);
      expect(reads).toBe(3);
    },
  );

  it("gives the same when constants become attributes of their value", () => {
    fc.assert(
      fc.property(tree, (source) => {
        const names = new Map([
          ["1", "one"],
          ["-7", "minus7"],
          ["2147483647", "most"],
          ["true", "yes"],
        ]);
        const unfolded = source.replaceAll(
          /(?<![\w'])(-7|1|2147483647|true)(?![\w'])/g,
          (text) => names.get(text) ?? text,
        );
        const event = createEvent({
          subject: "abc",
          hop: 5,
          flag: true,
          one: 1,
          minus7: -7,
          most: 2 ** 31 - 1,
          yes: true,
        });
        const kinds = ({ value, errors }: { value: unknown; errors: readonly { kind: string }[] }) => [
          value,
          ...errors.map(({ kind }) => kind),
        ];
        expect(kinds(new Expression(unfolded).evaluate(event))).toEqual(kinds(new Expression(source).evaluate(event)));
      }),
      { numRuns: 3_000 },
    );
  });

  it("refuses to build strings without bound", () => {
    const delimiters = Array.from({ length: 20 }, () => "''").join(", ");
    const nested = Array.from({ length: 8 }).reduce<string>((text) => `CONCAT_WS(${text}, ${delimiters})`, "big");
    const { value, errors } = new Expression(`LENGTH(${nested})`).evaluate(EVENT);
    expect(value).toBe(0);
    expect(errors.map(({ kind }) => kind)).toEqual(["functionEvaluation"]);
    const most = Math.floor(CESQL_STRING_CHARS_MAX / 60_000);
    const joined = (count: number) => `LENGTH(CONCAT(${Array.from({ length: count }, () => "big").join(", ")}))`;
    expect(new Expression(joined(most)).evaluate(EVENT)).toEqual({ value: most * 60_000, errors: [] });
    expect(new Expression(joined(most + 1)).evaluate(EVENT).errors).toHaveLength(1);
  });

  it("keeps nothing of an evaluation that failed", () => {
    const expression = new Expression("absent = 'x' OR hop = 5");
    expect(expression.matches(EVENT)).toBe(false);
    expect(expression.matches(createEvent({ absent: "y", hop: 5 }))).toBe(true);
    expect(expression.matches(EVENT)).toBe(false);
  });
});
