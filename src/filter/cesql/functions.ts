/** The built-in functions (CloudEvents SQL 1.0.0 §3.5) and their dispatch, by name and number of operands only. */
import { CESQL_STRING_CHARS_MAX } from "../../limits.ts";
import type { Call } from "./ast.ts";
import { toBoolean, toInteger, toText } from "./cast.ts";
import { characterCount, endOfFirst, startOfLast, trimWhiteSpace } from "./characters.ts";
import type { ErrorList } from "./error-list.ts";
import { type Compiled, operation } from "./evaluate.ts";
import { accepts, binary, type Overload, ternary, unary, variadic } from "./overload.ts";
import { INT32_MAX, INT32_MIN } from "./value.ts";

const FUNCTIONS: ReadonlyMap<string, readonly Overload[]> = new Map([
  ["LENGTH", [unary(toText, 0, characterCount)]],
  ["CONCAT", [variadic(0, (texts, errors, offset) => join(texts, "", errors, offset))]],
  ["CONCAT_WS", [variadic(1, ([delimiter = "", ...texts], errors, offset) => join(texts, delimiter, errors, offset))]],
  ["LOWER", [unary(toText, "", (text) => text.toLowerCase())]],
  ["UPPER", [unary(toText, "", (text) => text.toUpperCase())]],
  ["TRIM", [unary(toText, "", trimWhiteSpace)]],
  ["LEFT", [binary([toText, toInteger], "", left)]],
  ["RIGHT", [binary([toText, toInteger], "", right)]],
  [
    "SUBSTRING",
    [binary([toText, toInteger], "", substring), ternary([toText, toInteger, toInteger], "", substringOfLength)],
  ],
  ["ABS", [unary(toInteger, 0, absolute)]],
  // The casts of §3.7 by name: the examples of §2 and §3.7 use them, the tables of §3.5 leave them out.
  ["INT", [unary(toInteger, 0, (integer) => integer)]],
  ["BOOL", [unary(toBoolean, false, (boolean) => boolean)]],
  ["STRING", [unary(toText, "", (text) => text)]],
]);

/** A call that nothing accepts yields `false` and a missingFunction error; its operands are not evaluated. */
export function compileCall({ name, offset }: Call, operands: readonly Compiled[]): Compiled {
  const overload = FUNCTIONS.get(name)?.find((candidate) => accepts(candidate, operands.length));
  if (overload !== undefined) return operation(overload.compile(operands, offset), operands, offset);
  return {
    evaluate: (_event, errors) => {
      errors.add("missingFunction", offset);
      return false;
    },
    constant: undefined,
    offset,
  };
}

/** Bounded: nested calls could otherwise multiply the length of their operands beyond the memory there is. */
function join(texts: readonly string[], delimiter: string, errors: ErrorList, offset: number): string {
  const gaps = Math.max(texts.length - 1, 0);
  const length = texts.reduce((sum, text) => sum + text.length, delimiter.length * gaps);
  if (length <= CESQL_STRING_CHARS_MAX) return texts.join(delimiter);
  errors.add("functionEvaluation", offset);
  return "";
}

function left(text: string, count: number, errors: ErrorList, offset: number): string {
  if (count >= 0) return text.slice(0, endOfFirst(text, count));
  errors.add("functionEvaluation", offset);
  return text;
}

function right(text: string, count: number, errors: ErrorList, offset: number): string {
  if (count >= 0) return text.slice(startOfLast(text, count));
  errors.add("functionEvaluation", offset);
  return text;
}

/** From the character at `position`, which counts from 1, or from -1 at the end; from 0 it is the last 0 characters. */
function substring(text: string, position: number, errors: ErrorList, offset: number): string {
  if (Math.abs(position) <= characterCount(text)) {
    return text.slice(position > 0 ? endOfFirst(text, position - 1) : startOfLast(text, -position));
  }
  errors.add("functionEvaluation", offset);
  return "";
}

/** A negative length is an error wherever the position is. */
function substringOfLength(text: string, position: number, length: number, errors: ErrorList, offset: number): string {
  if (length >= 0) {
    const rest = substring(text, position, errors, offset);
    return rest.slice(0, endOfFirst(rest, length));
  }
  errors.add("functionEvaluation", offset);
  return "";
}

function absolute(integer: number, errors: ErrorList, offset: number): number {
  if (integer !== INT32_MIN) return Math.abs(integer);
  errors.add("math", offset);
  return INT32_MAX;
}
