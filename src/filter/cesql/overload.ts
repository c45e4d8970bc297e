/**
 * How a function gets its operands: all are evaluated from left to right, a missing attribute among them makes the call
 * yield the zero value of its type, then each is cast to the type of its parameter.
 */
import { type Cast, toText } from "./cast.ts";
import type { ErrorList } from "./error-list.ts";
import type { Compiled, Evaluate } from "./evaluate.ts";
import type { Value } from "./value.ts";

/** One definition of a function; those of one name differ in their number of parameters (CloudEvents SQL 1.0.0 §3.5). */
export interface Overload {
  /** Parameters; of a variadic function, the fixed ones. */
  readonly parameters: number;
  readonly variadic: boolean;
  /** Only for operands whose number `accepts` the definition. `offset` is that of the call. */
  compile(operands: readonly Compiled[], offset: number): Evaluate<Value>;
}

export function accepts({ parameters, variadic }: Overload, operands: number): boolean {
  return variadic ? operands >= parameters : operands === parameters;
}

export function unary<X extends Value, R extends Value>(
  cast: Cast<X>,
  zero: R,
  apply: (x: X, errors: ErrorList, offset: number) => R,
): Overload {
  const compile = (operands: readonly Compiled[], offset: number): Evaluate<R> => {
    const { evaluate, offset: operandOffset } = at(operands, 0);
    return (event, errors) => {
      const value = evaluate(event, errors);
      return value === undefined ? zero : apply(cast(value, errors, operandOffset), errors, offset);
    };
  };
  return { parameters: 1, variadic: false, compile };
}

export function binary<X extends Value, Y extends Value, R extends Value>(
  [castX, castY]: readonly [Cast<X>, Cast<Y>],
  zero: R,
  apply: (x: X, y: Y, errors: ErrorList, offset: number) => R,
): Overload {
  const compile = (operands: readonly Compiled[], offset: number): Evaluate<R> => {
    const first = at(operands, 0);
    const second = at(operands, 1);
    return (event, errors) => {
      const x = first.evaluate(event, errors);
      const y = second.evaluate(event, errors);
      if (x === undefined || y === undefined) return zero;
      return apply(castX(x, errors, first.offset), castY(y, errors, second.offset), errors, offset);
    };
  };
  return { parameters: 2, variadic: false, compile };
}

export function ternary<X extends Value, Y extends Value, Z extends Value, R extends Value>(
  [castX, castY, castZ]: readonly [Cast<X>, Cast<Y>, Cast<Z>],
  zero: R,
  apply: (x: X, y: Y, z: Z, errors: ErrorList, offset: number) => R,
): Overload {
  const compile = (operands: readonly Compiled[], offset: number): Evaluate<R> => {
    const first = at(operands, 0);
    const second = at(operands, 1);
    const third = at(operands, 2);
    return (event, errors) => {
      const x = first.evaluate(event, errors);
      const y = second.evaluate(event, errors);
      const z = third.evaluate(event, errors);
      if (x === undefined || y === undefined || z === undefined) return zero;
      const castedX = castX(x, errors, first.offset);
      const castedY = castY(y, errors, second.offset);
      return apply(castedX, castedY, castZ(z, errors, third.offset), errors, offset);
    };
  };
  return { parameters: 3, variadic: false, compile };
}

/** At least `parameters` operands, all of them Strings, and a String as the result. */
export function variadic(
  parameters: number,
  apply: (texts: readonly string[], errors: ErrorList, offset: number) => string,
): Overload {
  const compile =
    (operands: readonly Compiled[], offset: number): Evaluate<string> =>
    (event, errors) => {
      const texts: string[] = [];
      for (const operand of operands) {
        const value = operand.evaluate(event, errors);
        if (value !== undefined) texts.push(toText(value, errors, operand.offset));
      }
      return texts.length < operands.length ? "" : apply(texts, errors, offset);
    };
  return { parameters, variadic: true, compile };
}

function at(operands: readonly Compiled[], index: number): Compiled {
  const operand = operands[index];
  if (operand === undefined) throw new RangeError(`the call has no operand ${index}`);
  return operand;
}
