import { isObject } from "../../json-value.ts";
import { joinPointer } from "../../pointer.ts";
import { type Dialect, type Predicate, refuse, type Scope } from "../dialect.ts";
import { jsonDataOf } from "./json-data.ts";
import { compilePointer, type Find } from "./pointer.ts";
import { VALUE_TESTS, type ValueTest } from "./tests.ts";

/**
 * `{ "data": { "pointer": "/order/total", "gte": 100, "lt": 500 } }`: all tests hold for the value that the pointer finds
 * in the event's JSON data. An event whose data is not JSON, is malformed or larger than `DATA_FILTER_BYTES_MAX` does
 * not match, whatever the test, and is counted as an error. An event without data is one in which nothing is found.
 */
export const data: Dialect = (argument, scope) => {
  if (!isObject(argument)) throw refuse(scope.at, 'must be an object such as { "pointer": "/total", "gte": 100 }');
  const { pointer, ...operands } = argument;
  const find = compilePointer(pointer, joinPointer(scope.at, "pointer"));
  const tests = compileTests(operands, scope);
  return predicate(find, tests, scope);
};

function compileTests(operands: Readonly<Record<string, unknown>>, scope: Scope): readonly ValueTest[] {
  const entries = Object.entries(operands);
  const known = Object.keys(VALUE_TESTS);
  if (entries.length === 0) throw refuse(scope.at, `must have a test besides its pointer: ${known.join(", ")}`);
  if (operands.exists === false && entries.length > 1) {
    throw refuse(scope.at, "asks that there is no value and for something of it: leave out one of them");
  }
  scope.count(entries.length - 1);
  return entries.map(([name, operand]) => {
    const at = joinPointer(scope.at, name);
    const compile = Object.hasOwn(VALUE_TESTS, name) ? VALUE_TESTS[name] : undefined;
    if (compile === undefined) throw refuse(at, `is not a test: there are ${known.join(", ")}`);
    return compile(operand, at);
  });
}

function predicate(find: Find, tests: readonly ValueTest[], { errors, at }: Scope): Predicate {
  return {
    readsData: true,
    test(event) {
      const json = jsonDataOf(event);
      if (json.error !== undefined) {
        errors.count(json.error, at);
        return false;
      }
      const value = find(json.value);
      for (const holds of tests) if (!holds(value)) return false;
      return true;
    },
  };
}
