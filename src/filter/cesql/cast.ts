/**
 * Type casts (CloudEvents SQL 1.0.0 §3.7), implicit and explicit ones alike. A cast that fails adds a cast error and
 * yields the zero value, with which the operation goes on.
 */
import type { ErrorList } from "./error-list.ts";
import { INT32_MAX, INT32_MIN, type Value } from "./value.ts";

/** `offset` is that of the operand, for the error. */
export type Cast<T extends Value> = (value: Value, errors: ErrorList, offset: number) => T;

/** Never fails: an Integer becomes its decimal digits, a Boolean `true` or `false`. */
export const toText: Cast<string> = (value) => (typeof value === "string" ? value : String(value));

export const toInteger: Cast<number> = (value, errors, offset) => {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  const integer = parseInteger(value);
  if (integer === undefined) errors.add("cast", offset);
  return integer ?? 0;
};

export const toBoolean: Cast<boolean> = (value, errors, offset) => {
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  // Only the two words are worth a lower-case copy.
  const word = value.length === 4 || value.length === 5 ? value.toLowerCase() : value;
  if (word !== "true" && word !== "false") errors.add("cast", offset);
  return word === "true";
};

const PLUS = 0x2b;
const MINUS = 0x2d;
const ZERO = 0x30;

/** A decimal number with an optional sign, leading zeros included; undefined when it is none or exceeds 32 bits. */
export function parseInteger(text: string): number | undefined {
  const sign = text.charCodeAt(0);
  const first = sign === PLUS || sign === MINUS ? 1 : 0;
  if (text.length === first) return undefined;
  let magnitude = 0;
  for (let i = first; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    magnitude = magnitude * 10 + digit;
    if (magnitude > -INT32_MIN) return undefined;
  }
  if (sign === MINUS) return 0 - magnitude;
  return magnitude > INT32_MAX ? undefined : magnitude;
}
