/** JSON pointers (RFC 6901) into parsed JSON. */
import { DATA_POINTER_CHARS_MAX, DATA_POINTER_SEGMENTS_MAX } from "../../limits.ts";
import { parsePointer } from "../../pointer.ts";
import { refuse } from "../dialect.ts";

interface Segment {
  readonly name: string;
  /** As the index of an array; undefined when it is none, such as `01` or `-`. */
  readonly index: number | undefined;
}

/** RFC 6901 §3: nothing, or segments that start with a slash; `~` only as `~0` and `~1`. */
const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/u;
const INDEX = /^(?:0|[1-9]\d{0,9})$/;

/** What the pointer finds in a value: undefined for nothing, which no JSON value is. */
export type Find = (value: unknown) => unknown;

/** Throws `invalid-request` for what is no pointer. */
export function compilePointer(text: unknown, at: string): Find {
  if (typeof text !== "string") throw refuse(at, 'must be a JSON pointer, such as "/order/total"');
  if (text.length > DATA_POINTER_CHARS_MAX) throw refuse(at, `may have ${DATA_POINTER_CHARS_MAX} characters`);
  if (!POINTER.test(text)) {
    throw refuse(at, `${JSON.stringify(text)} is no JSON pointer (RFC 6901), such as "/order/total" or "/items/0"`);
  }
  const segments = parsePointer(text).map(segmentOf);
  if (segments.length > DATA_POINTER_SEGMENTS_MAX) throw refuse(at, `may be ${DATA_POINTER_SEGMENTS_MAX} levels deep`);
  return (root) => {
    let value = root;
    for (const segment of segments) value = memberOf(value, segment);
    return value;
  };
}

function segmentOf(name: string): Segment {
  return { name, index: INDEX.test(name) ? Number(name) : undefined };
}

function memberOf(value: unknown, { name, index }: Segment): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return index === undefined ? undefined : value[index];
  // Only what the data itself has: `/constructor` finds nothing that every object inherits.
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
