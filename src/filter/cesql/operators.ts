/**
 * Unary and binary operators (CloudEvents SQL 1.0.0 §3.4.1, §3.4.2). Each evaluates its operands from left to right,
 * yields its zero value when one is a missing attribute, and only then casts them.
 */
import type { ArithmeticOperator, Binary, BinaryOperator, Unary } from "./ast.ts";
import { toBoolean, toInteger, toText } from "./cast.ts";
import type { ErrorList } from "./error-list.ts";
import { type Compiled, type Evaluate, operation } from "./evaluate.ts";
import { ARITHMETIC } from "./integer.ts";
import type { Value } from "./value.ts";

export function compileUnary({ operator, offset }: Unary, operand: Compiled): Compiled {
  return operation(operator === "NOT" ? not(operand) : negate(operand, offset), [operand], offset);
}

export function compileBinary({ operator, offset }: Binary, left: Compiled, right: Compiled): Compiled {
  return operation(BINARY[operator](left, right, offset), [left, right], offset);
}

type BinaryCompiler = (left: Compiled, right: Compiled, offset: number) => Evaluate<Value>;

const BINARY: Readonly<Record<BinaryOperator, BinaryCompiler>> = {
  AND: and,
  OR: or,
  XOR: xor,
  "=": (left, right) => equality(left, right, true),
  "!=": (left, right) => equality(left, right, false),
  "<>": (left, right) => equality(left, right, false),
  "<": order((x, y) => x < y),
  "<=": order((x, y) => x <= y),
  ">": order((x, y) => x > y),
  ">=": order((x, y) => x >= y),
  "*": arithmetic("*"),
  "/": arithmetic("/"),
  "%": arithmetic("%"),
  "+": arithmetic("+"),
  "-": arithmetic("-"),
};

function not({ evaluate, offset }: Compiled): Evaluate<boolean> {
  return (event, errors) => {
    const value = evaluate(event, errors);
    return value !== undefined && !toBoolean(value, errors, offset);
  };
}

function negate({ evaluate, offset: operandOffset }: Compiled, offset: number): Evaluate<number> {
  return (event, errors) => {
    const value = evaluate(event, errors);
    if (value === undefined) return 0;
    return calculate("-", 0, toInteger(value, errors, operandOffset), errors, offset);
  };
}

/** A left side that is false, missing, or an error in fail fast mode settles it: the right side is not evaluated. */
function and(left: Compiled, right: Compiled): Evaluate<boolean> {
  const { evaluate: evaluateLeft, offset: leftOffset } = left;
  const { evaluate: evaluateRight, offset: rightOffset } = right;
  return (event, errors) => {
    const x = evaluateLeft(event, errors);
    if (x === undefined || errors.stopped || !toBoolean(x, errors, leftOffset)) return false;
    const y = evaluateRight(event, errors);
    return y !== undefined && toBoolean(y, errors, rightOffset);
  };
}

/** A left side that is true, missing, or an error in fail fast mode settles it: the right side is not evaluated. */
function or(left: Compiled, right: Compiled): Evaluate<boolean> {
  const { evaluate: evaluateLeft, offset: leftOffset } = left;
  const { evaluate: evaluateRight, offset: rightOffset } = right;
  return (event, errors) => {
    const x = evaluateLeft(event, errors);
    if (x === undefined || errors.stopped) return false;
    if (toBoolean(x, errors, leftOffset)) return true;
    const y = evaluateRight(event, errors);
    return y !== undefined && toBoolean(y, errors, rightOffset);
  };
}

/** Evaluates both sides in any case. */
function xor(left: Compiled, right: Compiled): Evaluate<boolean> {
  const { evaluate: evaluateLeft, offset: leftOffset } = left;
  const { evaluate: evaluateRight, offset: rightOffset } = right;
  return (event, errors) => {
    const x = evaluateLeft(event, errors);
    const y = evaluateRight(event, errors);
    if (x === undefined || y === undefined) return false;
    return toBoolean(x, errors, leftOffset) !== toBoolean(y, errors, rightOffset);
  };
}

/** Defined for each of the three types: that of the right operand decides, and the left one is cast to it (§3.7). */
function equality(left: Compiled, right: Compiled, wanted: boolean): Evaluate<boolean> {
  const { evaluate: evaluateLeft, offset: leftOffset } = left;
  const { evaluate: evaluateRight } = right;
  return (event, errors) => {
    const x = evaluateLeft(event, errors);
    const y = evaluateRight(event, errors);
    if (x === undefined || y === undefined) return false;
    return equals(x, y, errors, leftOffset) === wanted;
  };
}

/** Whether `x`, cast to the type of `y`, equals `y`; `offset` is that of `x`. */
export function equals(x: Value, y: Value, errors: ErrorList, offset: number): boolean {
  if (typeof y === "string") return toText(x, errors, offset) === y;
  return typeof y === "number" ? toInteger(x, errors, offset) === y : toBoolean(x, errors, offset) === y;
}

function order(compare: (x: number, y: number) => boolean): BinaryCompiler {
  return ({ evaluate: evaluateLeft, offset: leftOffset }, { evaluate: evaluateRight, offset: rightOffset }) =>
    (event, errors) => {
      const x = evaluateLeft(event, errors);
      const y = evaluateRight(event, errors);
      if (x === undefined || y === undefined) return false;
      return compare(toInteger(x, errors, leftOffset), toInteger(y, errors, rightOffset));
    };
}

function arithmetic(operator: ArithmeticOperator): BinaryCompiler {
  return (left, right, offset) => {
    const { evaluate: evaluateLeft, offset: leftOffset } = left;
    const { evaluate: evaluateRight, offset: rightOffset } = right;
    return (event, errors) => {
      const x = evaluateLeft(event, errors);
      const y = evaluateRight(event, errors);
      if (x === undefined || y === undefined) return 0;
      return calculate(operator, toInteger(x, errors, leftOffset), toInteger(y, errors, rightOffset), errors, offset);
    };
  };
}

function calculate(operator: ArithmeticOperator, x: number, y: number, errors: ErrorList, offset: number): number {
  const result = ARITHMETIC[operator](x, y);
  if (result === undefined) errors.add("math", offset);
  return result ?? 0;
}
