/**
 * Goal: the language is that of CloudEvents SQL 1.0.0. Method: a table written from its sections; each case runs in
 * complete mode, in fail fast mode and as a filter, and must have the outcome that the first one implies for the others.
 */
import { describe, expect, it } from "vitest";
import { Expression } from "../../../../src/filter/cesql/expression.ts";
import { ParseError } from "../../../../src/filter/cesql/parse-error.ts";
import { createEvent, type FaultCase, type ValueCase } from "./case.ts";
import { FUNCTIONS } from "./functions.cases.ts";
import { OPERATOR_FAULTS, OPERATORS } from "./operators.cases.ts";
import { SEMANTICS } from "./semantics.cases.ts";
import { SYNTAX, SYNTAX_FAULTS } from "./syntax.cases.ts";

const ZERO = { string: "", number: 0, boolean: false };

function zeroOf(value: string | number | boolean) {
  if (typeof value === "string") return ZERO.string;
  return typeof value === "number" ? ZERO.number : ZERO.boolean;
}

function nameOf({ expression, value, errors, attributes }: ValueCase): string {
  const on = Object.keys(attributes).length === 0 ? "" : ` on ${JSON.stringify(attributes)}`;
  return `${expression}${on} gives ${[JSON.stringify(value), ...errors].join(", ")}`;
}

/** The cases of each section, in the order of the table. */
function bySection<C extends { readonly section: string }>(table: readonly C[]): readonly (readonly [string, C[]])[] {
  return [...Map.groupBy(table, ({ section }) => section)];
}

describe.each(bySection([...SYNTAX, ...SEMANTICS, ...OPERATORS, ...FUNCTIONS]))("§%s", (_section, table) => {
  it.each(table.map((row) => [nameOf(row), row] as const))("%s", (_name, { expression, value, errors, attributes }) => {
    const compiled = new Expression(expression);
    const event = createEvent(attributes);

    const complete = compiled.evaluate(event);
    expect(complete.value).toBe(value);
    expect(complete.errors.map(({ kind }) => kind)).toEqual(errors);

    const failFast = compiled.evaluateFailFast(event);
    expect(failFast.value).toBe(errors.length === 0 ? value : zeroOf(value));
    expect(failFast.errors).toEqual(complete.errors.slice(0, 1));

    expect(compiled.matches(event)).toBe(value === true && errors.length === 0);
  });
});

describe.each(bySection<FaultCase>([...SYNTAX_FAULTS, ...OPERATOR_FAULTS]))("§%s", (_section, table) => {
  it.each(table)("refuses $expression", ({ expression, offset, message }) => {
    const compile = () => new Expression(expression);
    expect(compile).toThrow(ParseError);
    expect(compile).toThrow(message);
    expect(compile).toThrow(expect.objectContaining({ offset }));
  });
});
