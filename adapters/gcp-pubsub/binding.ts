/** Messages of Pub/Sub and events, by the binding of google-cloudevents (docs/spec/pubsub.md). */
import { createHash } from "node:crypto";
import { PulsebusError } from "../../src/errors.ts";
import { BINDINGS } from "../../src/event/bindings.ts";
import { type Attribute, attributeOf, type Event } from "../../src/event/event.ts";
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { decodeMessage, encodeMessage } from "../../src/event/message.ts";
import { type Malformed, type TopicSettings, TransportError } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";

/** What is published. */
export interface OutgoingMessage {
  readonly data?: Buffer;
  readonly attributes: Record<string, string>;
  readonly orderingKey?: string;
}

/** What is received, as the SDK has it. */
export interface IncomingMessage {
  readonly data?: Uint8Array | string | null;
  readonly attributes?: Record<string, string> | null;
  readonly messageId?: string | null;
}

const RAW_TYPE = "io.pulsebus.raw";
/** Framing of a message, and of each attribute in it: field numbers and lengths. */
const MESSAGE_FRAME_BYTES = 64;
const ATTRIBUTE_FRAME_BYTES = 16;

/** Throws `TransportError`: `invalid`, `too_large`. */
export function encode(event: Event, { mode, key }: TopicSettings): OutgoingMessage & { readonly bytes: number } {
  for (const { name, value } of event.attributes) {
    if (!value.isWellFormed()) {
      throw new TransportError("invalid", `The attribute "${name}" holds a lone surrogate, which is no Unicode text`);
    }
  }
  const asReceived = event.structured === undefined ? "binary" : "structured";
  const { headers, body } = encodeMessage(BINDINGS.pubsub, event, mode === "keep" ? asReceived : mode);
  const attributes = Object.fromEntries(headers.map(([name, value]) => [name, String(value)]));
  const orderingKey = orderingKeyOf(event, key);
  const bytes = bytesOf(attributes, body) + Buffer.byteLength(orderingKey ?? "");
  if (bytes > LIMITS.messageBytes) {
    const message = `The event has ${bytes} bytes as a message, attributes included; at most ${LIMITS.messageBytes} fit`;
    throw new TransportError("too_large", message);
  }
  return {
    ...{ attributes, bytes },
    ...(body === undefined ? {} : { data: body }),
    ...(orderingKey === undefined ? {} : { orderingKey }),
  };
}

/** A value that is too long for an ordering key is stood for by its hash: the same events stay in order. */
export function orderingKeyOf(event: Event, attribute: string | undefined): string | undefined {
  const value = attribute === undefined ? undefined : attributeOf(event, attribute);
  if (value === undefined || value === "") return undefined;
  if (Buffer.byteLength(value) <= LIMITS.orderingKeyBytes) return value;
  return `sha256:${createHash("sha256").update(value).digest("hex")}`;
}

/** Where a message was received, and how it is read. */
export interface Reading extends Pick<TopicSettings, "strict" | "envelope"> {
  readonly address: string;
  readonly leniency: DecodeOptions["leniency"];
}

/** Never throws: what is no CloudEvent is malformed, or made one where the topic says so. */
export function decode(message: IncomingMessage, { address, strict, envelope, leniency }: Reading): Event | Malformed {
  const headers = Object.entries(message.attributes ?? {});
  const bytes = bufferOf(message.data);
  if (envelope === "raw" && !isCloudEvent(headers)) return wrap(message.messageId ?? "", address, headers, bytes);
  try {
    return decodeMessage(BINDINGS.pubsub, { contentType: undefined, headers, body: bytes }, { strict, leniency });
  } catch (error) {
    if (!(error instanceof PulsebusError)) throw error;
    return { malformed: error.message, headers, bytes };
  }
}

function bytesOf(attributes: Record<string, string>, body: Buffer | undefined): number {
  let bytes = MESSAGE_FRAME_BYTES + (body?.length ?? 0);
  for (const [name, value] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + ATTRIBUTE_FRAME_BYTES;
  }
  return bytes;
}

function bufferOf(data: Uint8Array | string | null | undefined): Buffer {
  if (data === undefined || data === null) return Buffer.alloc(0);
  if (typeof data === "string") return Buffer.from(data, "base64");
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

type Headers = readonly (readonly [name: string, value: string])[];

function isCloudEvent(headers: Headers): boolean {
  return headers.some(([name, value]) => {
    const lower = name.toLowerCase();
    return (
      lower === "ce-specversion" ||
      (lower === "content-type" && value.toLowerCase().startsWith("application/cloudevents"))
    );
  });
}

/** The id is the position's, so that a redelivery is the same event. */
function wrap(messageId: string, address: string, headers: Headers, bytes: Buffer): Event {
  const source = `/gcp-pubsub/${encodeURI(address)}`;
  const contentType = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const attributes: Attribute[] = [
    { name: "id", type: "string", value: messageId },
    { name: "source", type: "uri-reference", value: source },
    { name: "type", type: "string", value: RAW_TYPE },
  ];
  if (contentType?.includes("/")) attributes.push({ name: "datacontenttype", type: "string", value: contentType });
  const data = { kind: "binary", bytes } as const;
  return { id: messageId, source, type: RAW_TYPE, attributes, data, structured: undefined };
}
