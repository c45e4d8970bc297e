/**
 * What a data filter can ask of the value that its pointer finds: each takes its operand at creation and answers for a
 * value. Types are never converted: the number 5 and the string "5" differ.
 */
import { DATA_INTEGER_DIGITS_MAX } from "../../limits.ts";
import { refuse } from "../dialect.ts";

/** `value` is undefined where the pointer finds nothing; integers beyond the safe ones are big integers. */
export type ValueTest = (value: unknown) => boolean;

/** Throws `invalid-request` at the operand that the test can't have. */
type CompileTest = (operand: unknown, at: string) => ValueTest;

export const VALUE_TESTS: Readonly<Record<string, CompileTest>> = {
  exact(operand, at) {
    if (typeof operand === "number") checkSafe(operand, at, "write `gte` and `lte` with the integer as a string");
    if (!isScalar(operand)) throw refuse(at, "must be a string, a number, true, false or null");
    return (value) => value === operand;
  },
  prefix(operand, at) {
    const text = checkText(operand, at);
    return (value) => typeof value === "string" && value.startsWith(text);
  },
  suffix(operand, at) {
    const text = checkText(operand, at);
    return (value) => typeof value === "string" && value.endsWith(text);
  },
  gt: ordered((value, operand) => value > operand),
  gte: ordered((value, operand) => value >= operand),
  lt: ordered((value, operand) => value < operand),
  lte: ordered((value, operand) => value <= operand),
  exists(operand, at) {
    if (typeof operand !== "boolean") throw refuse(at, "must be true or false");
    return (value) => (value !== undefined) === operand;
  },
};

/** Comparing a number with a big integer is exact in JavaScript, whichever side has which. */
type Numeric = number | bigint;

const INTEGER = new RegExp(`^-?\\d{1,${DATA_INTEGER_DIGITS_MAX}}$`);

function ordered(holds: (value: Numeric, operand: Numeric) => boolean): CompileTest {
  return (operand, at) => {
    const bound = readNumber(operand, at);
    return (value) => (typeof value === "number" || typeof value === "bigint") && holds(value, bound);
  };
}

function readNumber(operand: unknown, at: string): Numeric {
  if (typeof operand === "string" && INTEGER.test(operand)) return BigInt(operand);
  if (typeof operand !== "number") throw refuse(at, "must be a number, or an integer as a string for a large one");
  checkSafe(operand, at, `write the integer as a string`);
  return operand;
}

/** Reading the request has rounded such a number already, so what was written is not known any more. */
function checkSafe(operand: number, at: string, remedy: string): void {
  const isRounded = Number.isInteger(operand) && !Number.isSafeInteger(operand);
  if (isRounded || !Number.isFinite(operand)) throw refuse(at, `is too large to be exact: ${remedy}`);
}

function isScalar(operand: unknown): boolean {
  return operand === null || ["string", "number", "boolean"].includes(typeof operand);
}

function checkText(operand: unknown, at: string): string {
  if (typeof operand !== "string" || operand === "") throw refuse(at, "must be a string that is not empty");
  return operand;
}
