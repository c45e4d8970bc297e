/**
 * The HTTP binding (http-protocol-binding.md): the HTTP row of the table in `bindings.ts`, written out for speed, since
 * every publish and every webhook attempt comes through here.
 *
 * The content type decides the mode: `application/cloudevents-batch...` is a batch, `application/cloudevents...` is
 * structured, everything else is binary. In binary mode `Content-Type` is `datacontenttype`, each other attribute is a
 * header `ce-NAME` with a percent-encoded value, and the body is the data, untouched.
 */
import { isUtf8 } from "node:buffer";
import { PulsebusError } from "../errors.ts";
import { Assembly } from "./assembly.ts";
import { BINDINGS } from "./bindings.ts";
import { dataOfBody, impliedContentType } from "./body.ts";
import type { Event } from "./event.ts";
import { BATCH_JSON, documentMode, STRUCTURED_JSON } from "./format.ts";
import { decodeBatch, decodeStructured, encodeBatch, encodeStructured } from "./json.ts";
import { type DecodeOptions, refuse } from "./leniency.ts";
import { isCloudEventsMediaType } from "./media-type.ts";
import { effectiveContentType } from "./message.ts";
import { decodePercent, encodePercent, isPlain } from "./percent.ts";

export type { DecodeOptions, Leniency } from "./leniency.ts";

const HTTP = BINDINGS.http;
const PREFIX = HTTP.prefix.write;

export interface DecodedHttp {
  readonly mode: "binary" | "structured" | "batch";
  readonly events: readonly Event[];
}

export interface EncodedHttp {
  /** Flat `[name, value, ...]`, names in lower case, the content type included. */
  readonly headers: string[];
  /** Undefined when the event has no data. */
  readonly body: Buffer | undefined;
}

/**
 * Reads the events of one HTTP request. `rawHeaders` is the flat list of `node:http`, whose strings are latin1; `body`
 * is undefined when there is none. Data and documents are views of `body`, so it must not be changed afterwards.
 * @throws PulsebusError `invalid-event` with `at` (and `index` in a batch), `unsupported-media-type`, `too-large`.
 */
export function decodeHttp(
  rawHeaders: readonly string[],
  body: Buffer | undefined,
  options: DecodeOptions,
): DecodedHttp {
  const contentType = findContentType(rawHeaders);
  if (contentType === undefined || !isCloudEventsMediaType(contentType)) {
    return { mode: "binary", events: [decodeBinary(rawHeaders, contentType, body, options)] };
  }
  const document = body ?? Buffer.alloc(0);
  const mode = documentMode(contentType);
  return { mode, events: mode === "batch" ? decodeBatch(document, options) : [decodeStructured(document, options)] };
}

/**
 * Writes an event in binary mode. `raw` leaves values as UTF-8 without percent-encoding, for receivers that do not
 * decode; the strings are then latin1, as `node:http` and undici want them. An event whose data is itself an event goes
 * in structured mode: its content type would have the data taken for the event that is sent.
 */
export function encodeHttpBinary(event: Event, valueEncoding: "spec" | "raw" = "spec"): EncodedHttp {
  const headers = [`${PREFIX}specversion`, "1.0"];
  let contentType = impliedContentType(event.data);
  for (const { name, value } of event.attributes) {
    if (name === "datacontenttype") contentType = value;
    else headers.push(PREFIX + name, valueEncoding === "spec" ? encodePercent(value) : utf8AsLatin1(value));
  }
  if (contentType === undefined) return { headers, body: event.data?.bytes };
  if (isCloudEventsMediaType(contentType)) return encodeHttpStructured(event);
  headers.push("content-type", contentType);
  return { headers, body: event.data?.bytes };
}

/** Writes an event in structured mode: the very bytes it came as, if it came so and nothing was changed. */
export function encodeHttpStructured(event: Event): EncodedHttp {
  return { headers: ["content-type", STRUCTURED_JSON], body: encodeStructured(event) };
}

/** Writes events as one batch; only for receivers that asked for batches (spec.md "Batched content mode"). */
export function encodeHttpBatch(events: readonly Event[]): EncodedHttp {
  return { headers: ["content-type", BATCH_JSON], body: encodeBatch(events) };
}

function findContentType(rawHeaders: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 12 && name.toLowerCase() === "content-type") {
      if (found !== undefined) refuse("datacontenttype", "is given more than once: there are two Content-Type headers");
      found = rawHeaders[i + 1];
    } else if (name.length === 16 && name.toLowerCase() === "content-encoding") {
      refuseCoding(rawHeaders[i + 1] as string);
    }
  }
  return found;
}

function refuseCoding(coding: string): void {
  if (coding.toLowerCase() === "identity") return;
  throw new PulsebusError(
    "unsupported-media-type",
    `the content coding ${coding} is not supported: send the body as it is`,
  );
}

function decodeBinary(
  rawHeaders: readonly string[],
  contentType: string | undefined,
  body: Buffer | undefined,
  options: DecodeOptions,
): Event {
  const assembly = new Assembly(options);
  let misplaced: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] as string;
    if (!hasPrefix(header)) continue;
    const name = attributeName(header);
    const raw = rawHeaders[i + 1] as string;
    const plain = isPlain(raw);
    const value = plain ? raw : decodePercent(repairUtf8(raw, name), name, options);
    if (name === "datacontenttype") misplaced = value;
    else assembly.addText(name, value, plain);
  }
  if (assembly.isEmpty) refuseOrdinaryRequest();
  const effective = effectiveContentType(HTTP, contentType, misplaced, options);
  if (effective !== undefined) assembly.addText("datacontenttype", effective, true);
  return assembly.finish(assembly.decodeLegacyData(dataOfBody(body, effective)), undefined);
}

/** Whether a header starts with `ce-` in any case; without making a string, as every header of a request is asked. */
function hasPrefix(header: string): boolean {
  return (
    (header.charCodeAt(0) | 0x20) === 0x63 && (header.charCodeAt(1) | 0x20) === 0x65 && header.charCodeAt(2) === 0x2d
  );
}

/** The attribute of a `ce-` header; header names are case-insensitive, attribute names are lower case. */
function attributeName(header: string): string {
  for (let i = PREFIX.length; i < header.length; i++) {
    const code = header.charCodeAt(i);
    if (code >= 0x41 && code <= 0x5a) return header.slice(PREFIX.length).toLowerCase();
  }
  return header.slice(PREFIX.length);
}

/** `node:http` reads header bytes as latin1; what was sent as UTF-8 is put right here. */
function repairUtf8(raw: string, name: string): string {
  let ascii = true;
  for (let i = 0; i < raw.length && ascii; i++) ascii = raw.charCodeAt(i) < 0x80;
  if (ascii) return raw;
  const bytes = Buffer.from(raw, "latin1");
  if (!isUtf8(bytes)) refuse(name, "has bytes that are not UTF-8: percent-encode characters outside ASCII");
  return bytes.toString("utf8");
}

function utf8AsLatin1(value: string): string {
  return isPlain(value) ? value : Buffer.from(value, "utf8").toString("latin1");
}

function refuseOrdinaryRequest(): never {
  throw new PulsebusError(
    "invalid-event",
    `attribute "specversion" is required and missing: this is no CloudEvent. Send the headers ce-specversion, ce-id, ce-source and ce-type, or a body of ${STRUCTURED_JSON}`,
    { at: "specversion" },
  );
}
