/** Puts an event together from the options of `pulsebus publish`, inventing what a person at a terminal leaves out. */
import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { Attribute, Data, Event } from "../event/event.ts";
import { isJsonMediaType } from "../event/media-type.ts";
import type { Pair } from "./options.ts";

export interface EventOptions {
  readonly id?: string;
  readonly source: string;
  readonly type?: string;
  readonly subject?: string;
  /** RFC 3339, or `now`. */
  readonly time?: string;
  readonly contentType?: string;
  readonly ext?: readonly Pair[];
}

export function composeEvent(options: EventOptions, bytes: Buffer | undefined): Event {
  const { source, type = "", subject } = options;
  const id = options.id ?? randomUUID();
  const time = options.time === "now" ? new Date().toISOString() : options.time;
  const datacontenttype = bytes && (options.contentType ?? contentTypeOf(bytes));
  const named = Object.entries({ id, source, type, subject, time, datacontenttype });
  const attributes = [...named, ...(options.ext ?? [])].flatMap(([name, value]): Attribute[] =>
    value === undefined ? [] : [{ name, type: "string", value }],
  );
  return { id, source, type, attributes, data: bytes && dataOf(bytes, datacontenttype ?? ""), structured: undefined };
}

function contentTypeOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) return "application/octet-stream";
  return isJson(bytes) ? "application/json" : "text/plain; charset=utf-8";
}

/** The kind decides how the data stands in a batch: as a string, or as JSON where it is, else in base64. */
function dataOf(bytes: Buffer, contentType: string): Data {
  return { kind: isUtf8(bytes) && !isJsonMediaType(contentType) ? "text" : "binary", bytes };
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}
