/** The type system (CloudEvents SQL 1.0.0 §3.1). A String is a `string`, an Integer a whole `number`, a Boolean a `boolean`. */

/** The output of an expression. */
export type Value = string | number | boolean;

export const INT32_MIN = -(2 ** 31);
export const INT32_MAX = 2 ** 31 - 1;

/** The zero value of the type that `value` has (§3.1). */
export function zeroOf(value: Value): Value {
  if (typeof value === "string") return "";
  return typeof value === "number" ? 0 : false;
}
