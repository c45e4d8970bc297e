/**
 * The compact form in which events are stored.
 *
 *   u32 total bytes | u8 version | u8 flags | u32 head bytes | head | body
 *
 * The head is one string: a line of type tags, one character for each attribute, then a line `NAME=VALUE` for each.
 * Names hold no `=` and values no control characters, so it needs no escapes, and one search finds a pair of name and
 * value. It is latin1 where it is ASCII (a flag says so), else UTF-8.
 *
 * The body is the data; or, while the event still has the JSON document that it came as,
 *
 *   u32 document bytes | document | u32 data offset | u32 data bytes        (data is a slice of the document)
 *   u32 document bytes | document | data                                    (data was decoded: text, base64)
 *
 * All numbers are little endian.
 */
import { PulsebusError } from "../errors.ts";
import type { Attribute, AttributeType, Data, DataKind, Event } from "./event.ts";

const VERSION = 1;
const VERSION_AT = 4;
const FLAGS_AT = 5;
const HEAD_BYTES_AT = 6;
const HEAD_AT = 10;

const ASCII = 1;
/** Two bits: an index into `KINDS`. */
const KIND_SHIFT = 1;
const KIND_MASK = 3;
const STRUCTURED = 8;
const DATA_IN_STRUCTURED = 16;

const KINDS: readonly (DataKind | undefined)[] = [undefined, "json", "text", "binary"];

const TAGS: Readonly<Record<AttributeType, string>> = {
  boolean: "b",
  integer: "i",
  string: "s",
  binary: "y",
  uri: "u",
  "uri-reference": "r",
  timestamp: "t",
};
const TYPES = typesByTag();

/** How many bytes `writeRecord` will write. */
export function recordBytes(event: Event): number {
  let head = 1;
  for (const { name, value } of event.attributes) head += name.length + 3 + utf8Length(value);
  return HEAD_AT + head + bodyBytes(event);
}

/** Writes the event at `offset` of a buffer that has room for `recordBytes`; answers how many bytes that took. */
export function writeRecord(event: Event, target: Buffer, offset: number): number {
  const head = headOf(event.attributes);
  const headStart = offset + HEAD_AT;
  const headBytes = target.write(head, headStart, "utf8");
  const end = writeBody(event, target, headStart + headBytes);
  target.writeUInt32LE(end - offset, offset);
  target[offset + VERSION_AT] = VERSION;
  target[offset + FLAGS_AT] = (headBytes === head.length ? ASCII : 0) | bodyFlags(event);
  target.writeUInt32LE(headBytes, offset + HEAD_BYTES_AT);
  return end - offset;
}

/** Reads the event at `offset`. Its data is a view of `source`, which therefore must not be reused. */
export function readRecord(source: Buffer, offset: number): { event: Event; end: number } {
  const end = recordEnd(source, offset);
  const version = source[offset + VERSION_AT];
  if (version !== VERSION) throw new PulsebusError("internal", `stored event of unknown version ${version}`);
  const attributes = attributesOf(readHead(source, offset));
  const body = readBody(source, offset, end);
  let id = "";
  let origin = "";
  let type = "";
  for (const { name, value } of attributes) {
    if (name === "id") id = value;
    else if (name === "source") origin = value;
    else if (name === "type") type = value;
  }
  return { event: { id, source: origin, type, attributes, data: body.data, structured: body.structured }, end };
}

/** Where the record at `offset` ends and the next one may start. */
export function recordEnd(source: Buffer, offset: number): number {
  return offset + source.readUInt32LE(offset);
}

/** Whether the record at `offset` is of the event with this identity; decodes no attribute. */
export function recordHasIdentity(source: Buffer, offset: number, sourceAttribute: string, id: string): boolean {
  const head = readHead(source, offset);
  return head.includes(`\nid=${id}\n`) && head.includes(`\nsource=${sourceAttribute}\n`);
}

/** Source and id of the record at `offset`; decodes no other attribute. */
export function recordIdentity(source: Buffer, offset: number): { readonly source: string; readonly id: string } {
  const head = readHead(source, offset);
  return { source: valueIn(head, "\nsource="), id: valueIn(head, "\nid=") };
}

function valueIn(head: string, start: string): string {
  const at = head.indexOf(start) + start.length;
  return head.slice(at, head.indexOf("\n", at));
}

function headOf(attributes: readonly Attribute[]): string {
  let tags = "";
  let lines = "\n";
  for (const { name, type, value } of attributes) {
    tags += TAGS[type];
    lines += `${name}=${value}\n`;
  }
  return tags + lines;
}

function readHead(source: Buffer, offset: number): string {
  const start = offset + HEAD_AT;
  const end = start + source.readUInt32LE(offset + HEAD_BYTES_AT);
  return (flagsAt(source, offset) & ASCII) === 0
    ? source.toString("utf8", start, end)
    : source.toString("latin1", start, end);
}

function attributesOf(head: string): Attribute[] {
  const attributes: Attribute[] = [];
  const count = head.indexOf("\n");
  let start = count + 1;
  for (let i = 0; i < count; i++) {
    const equals = head.indexOf("=", start);
    const end = head.indexOf("\n", equals);
    const type = TYPES[head.charCodeAt(i)] ?? "string";
    attributes.push({ name: head.slice(start, equals), type, value: head.slice(equals + 1, end) });
    start = end + 1;
  }
  return attributes;
}

function bodyFlags({ data, structured }: Event): number {
  const kind = KINDS.indexOf(data?.kind) << KIND_SHIFT;
  if (structured === undefined) return kind;
  return kind | STRUCTURED | (isSlice(data, structured) ? DATA_IN_STRUCTURED : 0);
}

function bodyBytes({ data, structured }: Event): number {
  const dataBytes = data === undefined ? 0 : data.bytes.length;
  if (structured === undefined) return dataBytes;
  return 4 + structured.length + (isSlice(data, structured) ? 8 : dataBytes);
}

function writeBody({ data, structured }: Event, target: Buffer, offset: number): number {
  let at = offset;
  if (structured !== undefined) {
    at = target.writeUInt32LE(structured.length, at);
    target.set(structured, at);
    at += structured.length;
  }
  if (data === undefined) return at;
  if (structured !== undefined && isSlice(data, structured)) {
    at = target.writeUInt32LE(data.bytes.byteOffset - structured.byteOffset, at);
    return target.writeUInt32LE(data.bytes.length, at);
  }
  target.set(data.bytes, at);
  return at + data.bytes.length;
}

function readBody(
  source: Buffer,
  offset: number,
  end: number,
): { data: Data | undefined; structured: Buffer | undefined } {
  const flags = flagsAt(source, offset);
  const kind = KINDS[(flags >> KIND_SHIFT) & KIND_MASK];
  const start = offset + HEAD_AT + source.readUInt32LE(offset + HEAD_BYTES_AT);
  if ((flags & STRUCTURED) === 0) return { data: dataOf(kind, source, start, end), structured: undefined };
  const documentStart = start + 4;
  const documentEnd = documentStart + source.readUInt32LE(start);
  const structured = source.subarray(documentStart, documentEnd);
  if ((flags & DATA_IN_STRUCTURED) === 0) return { data: dataOf(kind, source, documentEnd, end), structured };
  const dataStart = documentStart + source.readUInt32LE(documentEnd);
  return { data: dataOf(kind, source, dataStart, dataStart + source.readUInt32LE(documentEnd + 4)), structured };
}

function dataOf(kind: DataKind | undefined, source: Buffer, start: number, end: number): Data | undefined {
  return kind === undefined ? undefined : { kind, bytes: source.subarray(start, end) };
}

/** Whether the data is a view of the document, as it is for JSON data that nobody replaced. */
function isSlice(data: Data | undefined, structured: Buffer): boolean {
  if (data === undefined || data.bytes.buffer !== structured.buffer) return false;
  const start = data.bytes.byteOffset - structured.byteOffset;
  return start >= 0 && start + data.bytes.length <= structured.length;
}

function flagsAt(source: Buffer, offset: number): number {
  return source[offset + FLAGS_AT] ?? 0;
}

/** A loop over short ASCII is cheaper than the call into the runtime, which everything else needs. */
function utf8Length(value: string): number {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0x7f) return Buffer.byteLength(value);
  return value.length;
}

function typesByTag(): (AttributeType | undefined)[] {
  const types: (AttributeType | undefined)[] = new Array(128).fill(undefined);
  for (const [type, tag] of Object.entries(TAGS)) types[tag.charCodeAt(0)] = type as AttributeType;
  return types;
}
