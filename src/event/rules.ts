/**
 * The rules of attribute names and values (spec.md "Attribute Naming Convention" and "Type System"). Each check answers
 * what is wrong, as the end of the sentence "attribute X ...", or undefined. All are single loops over characters: they
 * run for every attribute of every event, on input that nobody vouches for.
 */
import { ATTRIBUTE_NAME_CHARS_MAX } from "../limits.ts";
import { isBase64 } from "./base64.ts";
import type { AttributeType } from "./event.ts";
import { timestampProblem } from "./timestamp.ts";
import { uriProblem, uriReferenceProblem } from "./uri.ts";

export { isJsonMediaType } from "./media-type.ts";

/** What is wrong with an attribute's name, or undefined. */
export function validateName(name: string): string | undefined {
  if (name.length === 0) return "has an empty name";
  if (name === "data") return "has a name that is reserved for the data of the event";
  if (name.length > ATTRIBUTE_NAME_CHARS_MAX) return `has a name of more than ${ATTRIBUTE_NAME_CHARS_MAX} characters`;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (!((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39))) {
      return "has a name with other characters than a to z and 0 to 9";
    }
  }
  return undefined;
}

/** What is wrong with a canonical value of this type, or undefined. */
export function validateValue(type: AttributeType, value: string): string | undefined {
  switch (type) {
    case "string":
      return stringProblem(value);
    case "boolean":
      return value === "true" || value === "false" ? undefined : "is not a boolean: true or false";
    case "integer":
      return integerProblem(value);
    case "binary":
      return isBase64(value) ? undefined : "is not base64";
    case "uri":
      return uriProblem(value);
    case "uri-reference":
      return uriReferenceProblem(value);
    case "timestamp":
      return timestampProblem(value);
  }
}

/** No control characters, no Unicode noncharacters, no unpaired surrogates. */
function stringProblem(value: string): string | undefined {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return `contains the control character ${unicodeName(code)}`;
    if (code < 0xd800) continue;
    const point = value.codePointAt(i) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) return `contains the unpaired surrogate ${unicodeName(point)}`;
    if ((point & 0xfffe) === 0xfffe || (point >= 0xfdd0 && point <= 0xfdef)) {
      return `contains the noncharacter ${unicodeName(point)}`;
    }
    if (point > 0xffff) i++;
  }
  return undefined;
}

/** A signed 32-bit whole number in decimal without leading zeros, plus sign, point or exponent. */
function integerProblem(value: string): string | undefined {
  const first = value.charCodeAt(0) === 0x2d ? 1 : 0;
  if (value.length === first) return "is not an integer";
  for (let i = first; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x30 || code > 0x39)
      return "is not an integer: only whole numbers without point or exponent are allowed";
  }
  if (value.charCodeAt(first) === 0x30 && value.length > 1) return "is not an integer: it has a leading zero";
  const number = Number(value);
  return number === (number | 0) ? undefined : "is an integer outside -2147483648 to 2147483647";
}

function unicodeName(point: number): string {
  return `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
}
