/** Encodes and decodes events for any protocol with a map of headers, driven by the table in `bindings.ts`. */
import { isUtf8 } from "node:buffer";
import { PulsebusError } from "../errors.ts";
import { Assembly } from "./assembly.ts";
import type { Binding } from "./bindings.ts";
import { dataOfBody, impliedContentType } from "./body.ts";
import type { Attribute, Data, Event } from "./event.ts";
import { documentMode, STRUCTURED_JSON } from "./format.ts";
import { decodeStructured, encodeStructured } from "./json.ts";
import { type DecodeOptions, refuse, tolerate } from "./leniency.ts";
import { isCloudEventsMediaType } from "./media-type.ts";
import { decodePercent, encodePercent, isPlain } from "./percent.ts";
import { validateName } from "./rules.ts";

/** A message as any of these protocols carries it; adapters map it to and from their client's own shape. */
export interface WireMessage {
  /** The content type where it is a property of the message. */
  readonly contentType: string | undefined;
  /** Strings, bytes, booleans, numbers, big integers and dates are understood; null is the same as absent. */
  readonly headers: readonly (readonly [name: string, value: unknown])[];
  readonly body: Buffer | undefined;
}

type HeaderValue = string | number | boolean | Buffer;

export interface EncodedMessage extends WireMessage {
  /** `structured` although binary was asked for when that can't carry the event. */
  readonly mode: "binary" | "structured";
  readonly headers: readonly (readonly [name: string, value: HeaderValue])[];
}

/** Tells an empty body from none where the protocol can't. Its name can't be an attribute's on any binding. */
const DATA_HEADER = "pulsebus-data";

/**
 * Reads one message, binary or structured.
 * @throws PulsebusError `invalid-event` with `at`, `unsupported-media-type`, `too-large`.
 */
export function decodeMessage(binding: Binding, message: WireMessage, options: DecodeOptions): Event {
  const contentType = carriedContentType(binding, message);
  if (contentType === undefined || !isCloudEventsMediaType(contentType)) {
    return decodeBinary(binding, message, contentType, options);
  }
  if (documentMode(contentType) === "batch") {
    throw new PulsebusError("unsupported-media-type", "a message holds one event: batches are for HTTP only");
  }
  return decodeStructured(message.body ?? Buffer.alloc(0), options);
}

/** Writes one event; in structured mode where that was asked for or binary mode can't carry it. */
export function encodeMessage(binding: Binding, event: Event, mode: "binary" | "structured"): EncodedMessage {
  if (mode === "binary") {
    const message = encodeBinary(binding, event);
    if (message !== undefined && fits(message, binding.limits)) return message;
  }
  const property = binding.contentType.place === "property";
  return {
    mode: "structured",
    contentType: property ? STRUCTURED_JSON : undefined,
    headers: property ? [] : [[binding.contentType.header, STRUCTURED_JSON]],
    body: encodeStructured(event, "exact"),
  };
}

/** Undefined where the data is itself an event, which the content type of the message would have taken for this one. */
function encodeBinary(binding: Binding, event: Event): EncodedMessage | undefined {
  const { place, header } = binding.contentType;
  const { data } = event;
  const prefix = binding.prefix.write;
  const headers: [string, HeaderValue][] = [[`${prefix}specversion`, "1.0"]];
  let contentType = impliedContentType(data);
  for (const attribute of event.attributes) {
    if (attribute.name === "datacontenttype") contentType = attribute.value;
    else headers.push([prefix + attribute.name, encodeValue(binding, attribute)]);
  }
  if (contentType !== undefined && place !== "attribute" && isCloudEventsMediaType(contentType)) return undefined;
  if (contentType !== undefined && place === "header") headers.push([header, contentType]);
  if (contentType !== undefined && place === "attribute") headers.push([`${prefix}datacontenttype`, contentType]);
  if (!binding.keepsEmptyBody) {
    const empty = data?.bytes.length === 0;
    const readAs = dataOfBody(Buffer.alloc(0), contentType);
    if (empty && readAs === undefined) headers.push([DATA_HEADER, "empty"]);
    if (data === undefined && readAs !== undefined) headers.push([DATA_HEADER, "none"]);
  }
  return { mode: "binary", contentType: place === "property" ? contentType : undefined, headers, body: data?.bytes };
}

function encodeValue(binding: Binding, { type, value }: Attribute): HeaderValue {
  if (binding.values === "percent") return encodePercent(value);
  if (binding.values === "utf8") return value;
  // Timestamps stay strings, since a native one would lose the spelling that the event came with.
  if (type === "integer") return Number(value);
  if (type === "boolean") return value === "true";
  return type === "binary" ? Buffer.from(value, "base64") : value;
}

function fits({ headers }: EncodedMessage, limits: Binding["limits"]): boolean {
  if (headers.length > limits.headerCount) return false;
  return headers.every(
    ([name, value]) =>
      Buffer.byteLength(name) <= limits.nameBytes &&
      (typeof value !== "string" || Buffer.byteLength(value) <= limits.valueBytes),
  );
}

/** The content type of the message as a whole: it decides the mode. */
function carriedContentType(binding: Binding, message: WireMessage): string | undefined {
  if (binding.contentType.place === "property") return message.contentType;
  const value = message.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  return optionalText("datacontenttype", value);
}

function decodeBinary(
  binding: Binding,
  message: WireMessage,
  carried: string | undefined,
  options: DecodeOptions,
): Event {
  const assembly = new Assembly(options);
  let inAttribute: string | undefined;
  let marker: unknown;
  let prefixSeen: string | undefined;
  for (const [header, value] of message.headers) {
    if (header.toLowerCase() === DATA_HEADER) marker = textOf(DATA_HEADER, value);
    const prefix = prefixOf(binding, header, options);
    if (prefix === undefined) continue;
    const name = binding.ignoresCase ? header.slice(prefix.length).toLowerCase() : header.slice(prefix.length);
    if (prefixSeen !== undefined && prefixSeen !== prefix) {
      tolerate(options, "mixed-prefixes", name, "has another prefix than the attributes before it");
    }
    prefixSeen = prefix;
    if (name === "datacontenttype") inAttribute = optionalText(name, value);
    else addValue(assembly, binding, name, value, options);
  }
  const contentType = effectiveContentType(binding, carried, inAttribute, options);
  if (contentType !== undefined) assembly.addText("datacontenttype", contentType, true);
  const data = binding.keepsEmptyBody ? bodyAsIs(message.body) : markedBody(message.body, contentType, marker);
  return assembly.finish(assembly.decodeLegacyData(data), undefined);
}

/** The prefix that makes this header an attribute, foreign ones first since an empty prefix fits everything. */
function prefixOf(binding: Binding, header: string, options: DecodeOptions): string | undefined {
  const lower = header.toLowerCase();
  for (const prefix of binding.prefix.foreign) {
    if (!lower.startsWith(prefix.toLowerCase())) continue;
    tolerate(
      options,
      "foreign-prefix",
      header.slice(prefix.length),
      `has the prefix ${prefix}, which this binding does not have`,
    );
    return prefix;
  }
  for (const prefix of binding.prefix.read) {
    if (prefix === "" ? validateName(header) === undefined : lower.startsWith(prefix.toLowerCase())) return prefix;
  }
  return undefined;
}

/**
 * The `datacontenttype` of a binary-mode message: `carried` by the message as a whole or given as an attribute. The one
 * that is where the binding has it wins; the other is a leniency.
 */
export function effectiveContentType(
  binding: Binding,
  carried: string | undefined,
  inAttribute: string | undefined,
  options: DecodeOptions,
): string | undefined {
  const atHome = binding.contentType.place === "attribute" ? inAttribute : carried;
  const elsewhere = binding.contentType.place === "attribute" ? carried : inAttribute;
  if (elsewhere !== undefined) {
    tolerate(options, "misplaced-datacontenttype", "datacontenttype", "is not where this binding has it");
  }
  return atHome ?? elsewhere;
}

function addValue(assembly: Assembly, binding: Binding, name: string, value: unknown, options: DecodeOptions): void {
  if (value === null || value === undefined) assembly.addUnset(name);
  else if (typeof value === "boolean") assembly.addTyped(name, "boolean", String(value));
  else if (typeof value === "number" || typeof value === "bigint") assembly.addTyped(name, "integer", String(value));
  else if (value instanceof Date) assembly.addTyped(name, "timestamp", timestampOf(name, value));
  else if (value instanceof Uint8Array && binding.values === "native") {
    assembly.addTyped(name, "binary", Buffer.from(value).toString("base64"));
  } else {
    const text = textOf(name, value);
    const plain = isPlain(text);
    const decoded = plain || binding.values !== "percent" ? text : decodePercent(text, name, options);
    assembly.addText(name, decoded, plain);
  }
}

function optionalText(name: string, value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : textOf(name, value);
}

/** Text that came as a string or, as Kafka's clients have it, as bytes. */
function textOf(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) refuse(name, "is given more than once");
  if (!(value instanceof Uint8Array))
    refuse(name, "has a value that is no string, number, boolean, bytes or timestamp");
  if (!isUtf8(value)) refuse(name, "has bytes that are not UTF-8");
  return Buffer.from(value).toString("utf8");
}

function timestampOf(name: string, value: Date): string {
  return Number.isNaN(value.getTime()) ? refuse(name, "is no valid timestamp") : value.toISOString();
}

function bodyAsIs(body: Buffer | undefined): Data | undefined {
  return body === undefined ? undefined : { kind: "binary", bytes: body };
}

function markedBody(body: Buffer | undefined, contentType: string | undefined, marker: unknown): Data | undefined {
  const empty = body === undefined || body.length === 0;
  if (empty && marker === "none") return undefined;
  if (empty && marker === "empty") return { kind: "binary", bytes: Buffer.alloc(0) };
  return dataOfBody(body, contentType);
}
