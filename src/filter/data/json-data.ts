/**
 * The data of an event as a JSON value, for filters. It is parsed when the first filter asks, and not again for the
 * others of the same event: a thousand subscriptions that look into its data ask one after the other.
 */
import { isUtf8 } from "node:buffer";
import { attributeOf, type Data, type Event } from "../../event/event.ts";
import { isJsonMediaType } from "../../event/rules.ts";
import { DATA_FILTER_BYTES_MAX, DATA_INTEGER_DIGITS_MAX } from "../../limits.ts";

/** `tooLarge`: more than `DATA_FILTER_BYTES_MAX`, so not looked at. */
export type DataError = "notJson" | "malformedJson" | "tooLarge";

/** Integers that a double can't hold are big integers. `value` is undefined for an event without data. */
type JsonData = { readonly value: unknown; readonly error: undefined } | { readonly error: DataError };

/**
 * Of one event only: the fan-out asks all filters about an event before it goes to the next, and parsed values of many
 * events would take many times the memory that the events do.
 */
let latest: { readonly event: Event; readonly json: JsonData } | undefined;

export function jsonDataOf(event: Event): JsonData {
  if (latest?.event !== event) latest = { event, json: parse(event) };
  return latest.json;
}

function parse(event: Event): JsonData {
  const { data } = event;
  if (data === undefined) return { value: undefined, error: undefined };
  if (!claimsJson(event, data)) return { error: "notJson" };
  if (data.bytes.length > DATA_FILTER_BYTES_MAX) return { error: "tooLarge" };
  if (!isUtf8(data.bytes)) return { error: "malformedJson" };
  try {
    return { value: parseExactly(data.bytes.toString("utf8")), error: undefined };
  } catch {
    return { error: "malformedJson" };
  }
}

function claimsJson(event: Event, { kind }: Data): boolean {
  if (kind !== "binary") return kind === "json";
  const contentType = attributeOf(event, "datacontenttype");
  return contentType !== undefined && isJsonMediaType(contentType);
}

/** The language has it (ES2026 "JSON.parse source text access"), the types of the compiler not yet. */
type Reviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** The shortest integer that is not safe as a double has so many digits. */
const MAYBE_UNSAFE = /\d{16}/;
const INTEGER = new RegExp(`^-?\\d{1,${DATA_INTEGER_DIGITS_MAX}}$`);

/** A reviver costs several times the parse, so it runs only over text in which a number may need it. */
function parseExactly(text: string): unknown {
  return MAYBE_UNSAFE.test(text) ? parseWithSource(text, exactInteger) : JSON.parse(text);
}

const exactInteger: Reviver = (_name, value, { source }) => {
  const isUnsafe = typeof value === "number" && !Number.isSafeInteger(value);
  return isUnsafe && source !== undefined && INTEGER.test(source) ? BigInt(source) : value;
};
