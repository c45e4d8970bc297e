/**
 * Arithmetic of 32-bit integers (CloudEvents SQL 1.0.0 §3.4.1, §3.4.2). `undefined` is a math error: a division by
 * zero, or a result outside of the type, which the specification leaves open for all but ABS.
 */
import type { ArithmeticOperator } from "./ast.ts";
import { INT32_MAX, INT32_MIN } from "./value.ts";

export type Arithmetic = (x: number, y: number) => number | undefined;

export const ARITHMETIC: Readonly<Record<ArithmeticOperator, Arithmetic>> = {
  "+": (x, y) => inRange(x + y),
  "-": (x, y) => inRange(x - y),
  // Not exact beyond 2^53, which is far out of range either way.
  "*": (x, y) => inRange(x * y),
  // By zero they give no number or an infinite one, which is in no range.
  "/": (x, y) => inRange(Math.trunc(x / y)),
  "%": (x, y) => inRange(x % y),
};

function inRange(result: number): number | undefined {
  // `| 0` turns the -0 of a double into the one zero of an integer.
  return result >= INT32_MIN && result <= INT32_MAX ? result | 0 : undefined;
}
