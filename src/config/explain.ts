/** Faults that a schema found, in the words of people: which field, what is wrong with it, what to write instead. */
import type { ErrorObject } from "ajv/dist/2020.js";
import type { PulsebusError } from "../errors.ts";
import { faultAt, joinPointer } from "../pointer.ts";
import { closest } from "./suggest.ts";

/** What our schemas say beyond the standard. */
interface Annotations {
  /** Members or values that are designed but not built: refused as such, and not as unknown. */
  readonly "x-notSupported"?: readonly string[];
  /** The words for a pattern. */
  readonly "x-expects"?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

export function explain(error: ErrorObject): PulsebusError {
  // A rule for the names of members is about the name, which is not in the path of the object.
  const place =
    error.propertyName === undefined ? error.instancePath : joinPointer(error.instancePath, error.propertyName);
  const annotations = (error.parentSchema ?? {}) as Annotations;
  switch (error.keyword) {
    case "additionalProperties":
      return unknownMember(place, String(error.params.additionalProperty), annotations);
    case "required":
      return faultAt("invalid-request", joinPointer(place, String(error.params.missingProperty)), "is missing");
    case "enum":
      return unknownValue(place, error.data, error.params.allowedValues, annotations);
    case "pattern":
      return faultAt(
        "invalid-request",
        place,
        `${shorten(error.data)} is not valid: write ${annotations["x-expects"]}`,
      );
    default:
      return faultAt("invalid-request", place, rule(error));
  }
}

function unknownMember(place: string, name: string, annotations: Annotations): PulsebusError {
  const at = joinPointer(place, name);
  if (annotations["x-notSupported"]?.includes(name)) {
    return faultAt("not-supported", at, "is not supported by this version of Pulsebus: leave it out");
  }
  return faultAt("invalid-request", at, `unknown field${didYouMean(name, Object.keys(annotations.properties ?? {}))}`);
}

function unknownValue(at: string, value: unknown, allowed: readonly string[], annotations: Annotations): PulsebusError {
  const choices = allowed.map((choice) => JSON.stringify(choice)).join(" or ");
  if (typeof value === "string" && annotations["x-notSupported"]?.includes(value)) {
    return faultAt(
      "not-supported",
      at,
      `${shorten(value)} is not supported by this version of Pulsebus: write ${choices}`,
    );
  }
  return faultAt("invalid-request", at, `must be ${choices}, not ${shorten(value)}`);
}

function didYouMean(word: string, known: readonly string[]): string {
  const guess = closest(word, known);
  return guess === undefined ? `; there are ${known.join(", ")}` : `; did you mean ${JSON.stringify(guess)}?`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: "an object",
  array: "a list",
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  null: "empty",
};

function rule(error: ErrorObject): string {
  const { limit } = error.params as { readonly limit?: number };
  switch (error.keyword) {
    case "type":
      return `must be ${expectedType(error)}`;
    case "minimum":
      return `must be at least ${limit}`;
    case "maximum":
      return `must be at most ${limit}`;
    case "minLength":
      return "must not be empty";
    case "maxLength":
      return `must have at most ${limit} characters`;
    case "minItems":
      if (limit !== 1) return `must have at least ${limit} entries`;
      return "must not be empty: leave it out for no restriction";
    case "maxItems":
    case "maxProperties":
      return `must have at most ${limit} entries`;
    default:
      return error.message ?? "is not valid";
  }
}

function expectedType(error: ErrorObject): string {
  const expected = (error.parentSchema as Annotations | undefined)?.["x-expects"];
  if (expected !== undefined) return expected;
  const types: readonly string[] = [error.params.type].flat();
  return types.map((type) => TYPE_NAMES[type]).join(" or ");
}

/** Never more of a value than needed to recognise it. */
function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
