/** A native message and an event, each as the other: the row `rabbitmq` of the table of bindings, and what AMQP adds. */
import { randomUUID } from "node:crypto";
import type { ConsumeMessage, MessageProperties } from "amqplib";
import { PulsebusError } from "../../src/errors.ts";
import { BINDINGS } from "../../src/event/bindings.ts";
import { type Attribute, attributeOf, type Event } from "../../src/event/event.ts";
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { isCloudEventsMediaType, mediaTypeProblem } from "../../src/event/media-type.ts";
import { decodeMessage, type EncodedMessage, encodeMessage } from "../../src/event/message.ts";
import { validateValue } from "../../src/event/rules.ts";
import { ATTRIBUTES_BYTES_MAX } from "../../src/limits.ts";
import type { Malformed, Position, TopicSettings } from "../../src/transport/port.ts";

/** What `publish` of the client is given. */
export interface NativeMessage {
  readonly content: Buffer;
  readonly contentType: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Of content and headers, as the wire has them. */
  readonly bytes: number;
}

const BINDING = BINDINGS.rabbitmq;
/** Of a table entry besides name and value: the length of the name, the type, the length of the value. */
const ENTRY_BYTES = 6;
/** Short strings: the content type and the routing key. */
const SHORT_STRING_BYTES = 255;
/** What a header frame holds besides the table of headers: the other properties and the frame itself. */
const FRAME_REST_BYTES = 1_024;

/**
 * Structured where the settings or the event itself say so, and where binary mode does not fit: all headers of a
 * message go into one frame, and into the 64 KiB that the client has for them.
 */
export function toNative(event: Event, mode: TopicSettings["mode"], frameBytes: number): NativeMessage {
  const wanted = mode === "keep" ? (event.structured === undefined ? "binary" : "structured") : mode;
  const encoded = encodeMessage(BINDING, event, wanted);
  const message = native(encoded);
  return encoded.mode === "structured" || fits(message, frameBytes)
    ? message
    : native(encodeMessage(BINDING, event, "structured"));
}

function native({ contentType, headers, body = Buffer.alloc(0) }: EncodedMessage): NativeMessage {
  const bytes = headers.reduce(
    (sum, [name, value]) => sum + name.length + valueBytes(value) + ENTRY_BYTES,
    body.length,
  );
  return { content: body, contentType, headers: Object.fromEntries(headers), bytes };
}

function valueBytes(value: string | number | boolean | Buffer): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  return Buffer.isBuffer(value) ? value.length : Float64Array.BYTES_PER_ELEMENT;
}

function fits({ contentType, content, bytes }: NativeMessage, frameBytes: number): boolean {
  const tableBytes = bytes - content.length;
  if (tableBytes > Math.min(ATTRIBUTES_BYTES_MAX, frameBytes) - FRAME_REST_BYTES) return false;
  return contentType === undefined || Buffer.byteLength(contentType) <= SHORT_STRING_BYTES;
}

/** Whether all text of the event is text: the client would mangle a lone surrogate in silence. */
export function isText({ attributes }: Event): boolean {
  return attributes.every(({ value }) => value.isWellFormed());
}

/** The routing key of an event; undefined when it does not fit. */
export function routingKeyOf(event: Event, key: string | undefined): string | undefined {
  const value = key === undefined ? "" : (attributeOf(event, key) ?? "");
  return Buffer.byteLength(value) <= SHORT_STRING_BYTES ? value : undefined;
}

/**
 * RabbitMQ tells no position, so the publisher stamps one as the `message_id`. The ids of others are not to be relied
 * on: nothing keeps them unique, and two events under one id would be taken for one.
 */
const STAMP = "pulsebus-";

export function newPosition(): Position {
  return STAMP + randomUUID();
}

export function positionOf({ messageId }: MessageProperties): Position {
  return isStamp(messageId) ? messageId : `receipt-${randomUUID()}`;
}

function isStamp(messageId: unknown): messageId is string {
  return typeof messageId === "string" && messageId.startsWith(STAMP);
}

/** Where a message was received, and how it is read. */
export interface Reading extends Pick<TopicSettings, "strict" | "envelope"> {
  readonly address: string;
  readonly leniency: DecodeOptions["leniency"];
}

/** The event of a message, or why it has none. Never throws. */
export function fromNative(
  message: ConsumeMessage,
  position: Position,
  { address, strict, envelope, leniency }: Reading,
): Event | Malformed {
  const { content, properties } = message;
  const contentType = textOf(properties.contentType);
  const headers = Object.entries(properties.headers ?? {}).map(([name, value]) => [name, plain(value)] as const);
  if (envelope === "raw" && !isCloudEvent(contentType, headers)) return rawEvent(message, position, address);
  try {
    return decodeMessage(BINDING, { contentType, headers, body: content }, { strict, leniency });
  } catch (error) {
    const reason = error instanceof PulsebusError ? error.message : "the message can't be read";
    return { malformed: reason, headers: printable(contentType, headers), bytes: content };
  }
}

function isCloudEvent(contentType: string | undefined, headers: readonly (readonly [string, unknown])[]): boolean {
  if (contentType !== undefined && isCloudEventsMediaType(contentType)) return true;
  const prefixes = [...BINDING.prefix.read, ...BINDING.prefix.foreign].map((prefix) => prefix.toLowerCase());
  return headers.some(([name]) => prefixes.some((prefix) => name.toLowerCase().startsWith(prefix)));
}

/** The id is the producer's `message_id` where it gave one, so that receivers can tell a redelivery. */
function rawEvent({ content, properties }: ConsumeMessage, position: Position, address: string): Event {
  const id = usableId(properties.messageId) ?? position;
  const source = `/amqp/${encodeURIComponent(address)}`;
  const type = "io.pulsebus.raw";
  const attributes: Attribute[] = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: source },
    { name: "type", type: "string", value: type },
  ];
  const contentType = textOf(properties.contentType);
  if (contentType !== undefined && mediaTypeProblem(contentType) === undefined) {
    attributes.push({ name: "datacontenttype", type: "string", value: contentType });
  }
  return { id, source, type, attributes, data: { kind: "binary", bytes: content }, structured: undefined };
}

function usableId(messageId: unknown): string | undefined {
  const id = textOf(messageId);
  return id === undefined || id === "" || validateValue("string", id) !== undefined ? undefined : id;
}

/** The client wraps types that JavaScript has not: seconds since the epoch are a date. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("!" in value)) return value;
  const { "!": type, value: inner } = value as { "!": unknown; value?: unknown };
  return type === "timestamp" && typeof inner === "number" ? new Date(inner * 1_000) : value;
}

function printable(
  contentType: string | undefined,
  headers: readonly (readonly [string, unknown])[],
): readonly (readonly [string, string])[] {
  const all = headers.map(([name, value]) => [name, shown(value)] as const);
  return contentType === undefined ? all : [["content-type", contentType], ...all];
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (Buffer.isBuffer(value)) return value.toString("base64");
  return JSON.stringify(value) ?? "";
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
