/** Kafka records to events and back, by the binding of CloudEvents for Kafka. */
import { isUtf8 } from "node:buffer";
import { BINDINGS } from "../../src/event/bindings.ts";
import { type Attribute, attributeOf, type Event } from "../../src/event/event.ts";
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { isCloudEventsMediaType } from "../../src/event/media-type.ts";
import { decodeMessage, encodeMessage } from "../../src/event/message.ts";
import { type Malformed, type TopicSettings, TransportError } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";
import { formatPosition } from "./position.ts";
import type { StoredRecord } from "./records.ts";

/** A record as the producer takes it; no value is a tombstone, which differs from an empty one. */
export interface RecordToSend {
  readonly key: Buffer | undefined;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<Buffer, Buffer>;
  readonly bytes: number;
}

type WireSettings = Pick<TopicSettings, "mode" | "key">;

/** Throws `invalid` for what no header can carry. */
export function encodeRecord(event: Event, { mode, key: keyAttribute }: WireSettings): RecordToSend {
  for (const { name, value } of event.attributes) if (!value.isWellFormed()) throw noText(name);
  const isStructured = mode === "structured" || (mode === "keep" && event.structured !== undefined);
  const { headers, body } = encodeMessage(BINDINGS.kafka, event, isStructured ? "structured" : "binary");
  const key = keyAttribute === undefined ? undefined : attributeOf(event, keyAttribute);
  const native = new Map<Buffer, Buffer>();
  let bytes = LIMITS.recordOverheadBytes + (body?.length ?? 0);
  for (const [name, value] of headers) {
    const pair = [Buffer.from(name), Buffer.isBuffer(value) ? value : Buffer.from(String(value))] as const;
    native.set(...pair);
    bytes += pair[0].length + pair[1].length + LIMITS.headerOverheadBytes;
  }
  const keyBytes = key === undefined ? undefined : Buffer.from(key);
  return { key: keyBytes, value: body ?? null, headers: native, bytes: bytes + (keyBytes?.length ?? 0) };
}

/** Where a record is stored, and how it is read. */
export interface Reading extends Pick<TopicSettings, "strict" | "envelope"> {
  readonly address: string;
  readonly topicId: string;
  readonly leniency: DecodeOptions["leniency"];
}

/** Never throws: what is no CloudEvent is malformed, or an event made for it where the topic says `envelope: raw`. */
export function decodeRecord(record: StoredRecord, topic: Reading): Event | Malformed {
  const { strict, leniency } = topic;
  const headers = record.headers.map(([name, value]) => [name?.toString() ?? "", value] as const);
  if (topic.envelope === "raw" && !isCloudEvent(headers)) return rawEvent(record, headers, topic);
  try {
    const body = record.value ?? undefined;
    return decodeMessage(BINDINGS.kafka, { contentType: undefined, headers, body }, { strict, leniency });
  } catch (error) {
    const reason = error instanceof Error ? error.message : "can't be read";
    return {
      malformed: reason,
      headers: headers.map(([name, value]) => [name, value === null ? "" : value.toString()]),
      bytes: record.value ?? Buffer.alloc(0),
    };
  }
}

type Headers = readonly (readonly [name: string, value: Buffer | null])[];

function isCloudEvent(headers: Headers): boolean {
  return (
    headers.some(([name]) => name.toLowerCase() === "ce_specversion") ||
    isCloudEventsMediaType(contentType(headers) ?? "")
  );
}

function contentType(headers: Headers): string | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? undefined;
  return value !== undefined && isUtf8(value) ? value.toString() : undefined;
}

/** The same at each redelivery: its id is the native position, its data the bytes as they are. */
function rawEvent(
  { partition, offset, value }: StoredRecord,
  headers: Headers,
  { address, topicId }: Pick<Reading, "address" | "topicId">,
): Event {
  const id = formatPosition(topicId, partition, offset);
  const source = `/kafka/${encodeURIComponent(address)}`;
  const type = "io.pulsebus.raw";
  const attributes: Attribute[] = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: source },
    { name: "type", type: "string", value: type },
  ];
  const mediaType = contentType(headers);
  if (mediaType !== undefined) attributes.push({ name: "datacontenttype", type: "string", value: mediaType });
  const data = value === null ? undefined : ({ kind: "binary", bytes: value } as const);
  return { id, source, type, attributes, data, structured: undefined };
}

function noText(name: string): TransportError {
  return new TransportError("invalid", `The attribute "${name}" holds a lone surrogate, which is no Unicode text`);
}
