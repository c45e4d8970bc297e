/** Events as NATS messages: the NATS binding of CloudEvents, in binary or structured mode. */
import { hash } from "node:crypto";
import { type MsgHdrs, MsgHdrsImpl } from "@nats-io/transport-node";
import { BINDINGS } from "../../src/event/bindings.ts";
import type { Attribute, Event } from "../../src/event/event.ts";
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { decodeMessage, type EncodedMessage, encodeMessage, type WireMessage } from "../../src/event/message.ts";
import { type Malformed, type Position, TransportError } from "../../src/transport/port.ts";
import type { Topic } from "./settings.ts";

export interface NativeMessage {
  readonly headers: MsgHdrs;
  readonly body: Uint8Array;
}

/** What a received or stored message is made of, for us. */
export interface ReceivedMessage {
  readonly headers?: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** `NATS/1.0`, and the two line ends around the headers. */
const HEADER_FRAME = 12;
/** Colon, space and line end of each header. */
const HEADER_LINE = 4;

/** Throws `invalid` and `too_large`. Structured where binary mode would be too large and structured is not. */
export function encodeEvent(event: Event, topic: Topic, address: string, maxBytes: number): NativeMessage {
  refuseLoneSurrogates(event);
  const id = topic.dedupe === undefined ? undefined : messageId(event, address);
  const mode = topic.mode === "keep" ? (event.structured === undefined ? "binary" : "structured") : topic.mode;
  const message = encodeMessage(BINDINGS.nats, event, mode);
  const bytes = sizeOf(message, id);
  if (bytes <= maxBytes) return toNative(message, id);
  const other = mode === "binary" ? encodeMessage(BINDINGS.nats, event, "structured") : message;
  if (sizeOf(other, id) <= maxBytes) return toNative(other, id);
  throw new TransportError("too_large", `The event has ${bytes} bytes with its headers; at most ${maxBytes} fit`);
}

/** Where a message was received, and how it is read. */
export interface Reading {
  readonly topic: Topic;
  readonly address: string;
  readonly leniency: DecodeOptions["leniency"];
}

/** The event, or what was received and why it is none. Never throws. */
export function decodeEvent(
  message: ReceivedMessage,
  position: Position,
  { topic, address, leniency }: Reading,
): Event | Malformed {
  const wire = toWire(message);
  const { strict, envelope } = topic;
  if (envelope === "raw" && !isCloudEvent(wire)) return rawEvent(wire, address, position);
  try {
    return decodeMessage(BINDINGS.nats, wire, { strict, leniency });
  } catch (error) {
    const malformed = error instanceof Error ? error.message : "the message can't be read";
    const text = wire.headers.flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)] as const));
    return { malformed, headers: text, bytes: wire.body ?? Buffer.alloc(0) };
  }
}

/**
 * One id for each source and id on an address: the SHA-256 of the three, which no other three are known to have, and in
 * none of which is a line end. With the address, since a stream looks for duplicates among all of its subjects.
 */
function messageId({ source, id }: Event, address: string): string {
  return hash("sha256", `${address}\n${source}\n${id}`, "base64url");
}

function refuseLoneSurrogates(event: Event): void {
  for (const { name, value } of event.attributes) {
    if (!value.isWellFormed()) {
      throw new TransportError("invalid", `The attribute "${name}" holds a lone surrogate, which is no Unicode text`);
    }
  }
}

function sizeOf(message: EncodedMessage, id: string | undefined): number {
  let bytes = HEADER_FRAME + (message.body?.length ?? 0);
  for (const [name, value] of message.headers) bytes += name.length + String(value).length + HEADER_LINE;
  return id === undefined ? bytes : bytes + "Nats-Msg-Id".length + id.length + HEADER_LINE;
}

/** Names are attributes' and values percent-encoded, so the client need not look at each character of them again. */
function toNative(message: EncodedMessage, id: string | undefined): NativeMessage {
  const all: Record<string, string[]> = {};
  for (const [name, value] of message.headers) all[name] = [String(value)];
  if (id !== undefined) all["Nats-Msg-Id"] = [id];
  return { headers: MsgHdrsImpl.fromRecord(all), body: message.body ?? NOTHING };
}

function toWire({ headers: native, data }: ReceivedMessage): WireMessage {
  const all: [string, unknown][] = [];
  for (const [name, values] of native ?? []) all.push([name, values.length === 1 ? values[0] : values]);
  return { contentType: undefined, headers: all, body: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
}

function isCloudEvent({ headers: all }: WireMessage): boolean {
  return all.some(([header, value]) => {
    const name = header.toLowerCase();
    if (name === "ce-specversion") return true;
    return name === "content-type" && /^\s*application\/cloudevents/i.test(String(value));
  });
}

/** The event of a message that is none: identity from where it is stored, bytes untouched. */
function rawEvent(wire: WireMessage, address: string, id: Position): Event {
  const source = `/nats/${encodeURIComponent(address)}`;
  const type = "io.pulsebus.raw";
  const attributes: Attribute[] = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: source },
    { name: "type", type: "string", value: type },
  ];
  const contentType = wire.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  if (typeof contentType === "string" && contentType !== "") {
    attributes.push({ name: "datacontenttype", type: "string", value: contentType });
  }
  const bytes = wire.body ?? Buffer.alloc(0);
  return { id, source, type, attributes, data: { kind: "binary", bytes }, structured: undefined };
}
