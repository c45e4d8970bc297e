/**
 * Where a fault is: a JSON pointer (RFC 6901) for programs, and the dotted spelling of the same path for people. Every
 * message that refuses a user's value starts with the latter.
 */
import { type ErrorCode, PulsebusError } from "./errors.ts";

export type Path = readonly string[];

/** `joinPointer("/filters/0", "exact", "a/b")` is `/filters/0/exact/a~1b`. */
export function joinPointer(at: string, ...segments: readonly (string | number)[]): string {
  return segments.reduce<string>((pointer, segment) => `${pointer}/${escapeSegment(String(segment))}`, at);
}

export function parsePointer(at: string): Path {
  return at.split("/").slice(1).map(unescapeSegment);
}

/** `/filters/0/exact` as people write it: `filters[0].exact`. Segments that are no plain names are quoted. */
export function dottedPath(at: string): string {
  return parsePointer(at).reduce((text, segment) => {
    if (/^\d+$/.test(segment)) return `${text}[${segment}]`;
    const name = /^[\w-]+$/.test(segment) ? segment : JSON.stringify(segment);
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

/** An error whose message begins with the dotted path of the fault. */
export function faultAt(code: ErrorCode, at: string, message: string): PulsebusError {
  return new PulsebusError(code, at === "" ? message : `${dottedPath(at)}: ${message}`, { at });
}

function escapeSegment(segment: string): string {
  if (!/[~/]/.test(segment)) return segment;
  return segment.replaceAll("~", "~0").replaceAll("/", "~1");
}

function unescapeSegment(segment: string): string {
  return segment.replaceAll("~1", "/").replaceAll("~0", "~");
}
