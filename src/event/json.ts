/**
 * The JSON event format (json-format.md): structured documents and batches.
 *
 * A document is read once, by a scanner that builds nothing. JSON data stays the slice of the document that it was, so
 * number spelling, key order and even repeated keys inside it survive. What the `data` member means hangs on
 * `datacontenttype`, which may come after it:
 *
 *   data, JSON content type or none  ->  kind `json`, the raw slice (a JSON string keeps its quotes: it is the data)
 *   data, other content type, string ->  kind `text`, the UTF-8 of its characters
 *   data, other content type, else   ->  kind `json`, a leniency
 *   data_base64                      ->  kind `binary`
 */
import { isUtf8 } from "node:buffer";
import { PulsebusError } from "../errors.ts";
import { BATCH_COUNT_MAX } from "../limits.ts";
import { Assembly } from "./assembly.ts";
import { decodeBase64 } from "./base64.ts";
import { attributeOf, type Data, type Event } from "./event.ts";
import { JsonScanner } from "./json-scanner.ts";
import { type DecodeOptions, refuse, refuseDocument, tolerate } from "./leniency.ts";
import { isJsonMediaType } from "./media-type.ts";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Where a value lies in the document. */
interface Slice {
  readonly start: number;
  readonly end: number;
  /** Only for strings: printable ASCII without escapes. */
  readonly plain: boolean;
}

/** Reads a structured document. @throws PulsebusError `invalid-event` with `at`, `too-large`. */
export function decodeStructured(document: Buffer, options: DecodeOptions): Event {
  const bytes = checkedText(document, options);
  const scanner = new JsonScanner(bytes);
  if (scanner.peek() !== 0x7b) refuseDocument("the body is no JSON object, which an event in structured mode is");
  const event = readEvent(scanner, bytes, new Assembly(options), 0, options);
  scanner.expectEnd();
  return event;
}

/** Reads a batch, which may be empty. One bad event refuses it, with its `index`. */
export function decodeBatch(document: Buffer, options: DecodeOptions): Event[] {
  const bytes = checkedText(document, options);
  const scanner = new JsonScanner(bytes);
  if (!scanner.take(0x5b)) refuseDocument("the body is no JSON array, which a batch of events is");
  const events: Event[] = [];
  if (!scanner.take(0x5d)) {
    let version: string | undefined;
    do {
      if (events.length === BATCH_COUNT_MAX) {
        throw new PulsebusError("too-large", `the batch has more than ${BATCH_COUNT_MAX} events`);
      }
      const assembly = new Assembly(options);
      events.push(readBatchEvent(scanner, bytes, assembly, events.length, version, options));
      version = assembly.specversion;
    } while (scanner.take(0x2c));
    scanner.expect(0x5d);
  }
  scanner.expectEnd();
  return events;
}

/**
 * How JSON data of binary mode goes into a document when there is white space around it, which is not part of a value:
 * `readable` leaves it out, `exact` keeps the bytes, in base64.
 */
type JsonData = "readable" | "exact";

/** The event as a structured document: the very bytes it came as, if it came so and nothing was changed. */
export function encodeStructured(event: Event, jsonData: JsonData = "readable"): Buffer {
  return event.structured ?? buildDocument(event, jsonData);
}

/** The event as if it had come as the document that it is in structured mode; JSON data is a view of that. */
export function withDocument(event: Event): Event {
  const structured = buildDocument(event, "exact");
  const { data } = event;
  if (data?.kind !== "json") return { ...event, structured };
  const end = structured.length - CLOSE_OBJECT.length;
  return { ...event, structured, data: { kind: "json", bytes: structured.subarray(end - data.bytes.length, end) } };
}

export function encodeBatch(events: readonly Event[]): Buffer {
  const parts: Buffer[] = [];
  for (const event of events) parts.push(parts.length === 0 ? OPEN_ARRAY : COMMA, encodeStructured(event));
  if (parts.length === 0) parts.push(OPEN_ARRAY);
  parts.push(CLOSE_ARRAY);
  return Buffer.concat(parts);
}

const OPEN_ARRAY = Buffer.from("[");
const COMMA = Buffer.from(",");
const CLOSE_ARRAY = Buffer.from("]");
const CLOSE_OBJECT = Buffer.from("}");

function checkedText(document: Buffer, options: DecodeOptions): Buffer {
  if (!isUtf8(document)) refuseDocument("the body is not UTF-8, which a JSON event must be");
  if (!document.subarray(0, 3).equals(BYTE_ORDER_MARK)) return document;
  tolerate(options, "byte-order-mark", "data", "is in a document that starts with a byte order mark");
  return document.subarray(3);
}

function readBatchEvent(
  scanner: JsonScanner,
  bytes: Buffer,
  assembly: Assembly,
  index: number,
  version: string | undefined,
  options: DecodeOptions,
): Event {
  try {
    if (scanner.peek() !== 0x7b) scanner.fail("an event, which is a JSON object, expected");
    const event = readEvent(scanner, bytes, assembly, 1, options);
    if (version !== undefined && version !== assembly.specversion) {
      refuse("specversion", "differs from that of the events before it, and a batch has only one");
    }
    return event;
  } catch (error) {
    if (!(error instanceof PulsebusError)) throw error;
    const details = { index, cause: error, ...(error.at === undefined ? {} : { at: error.at }) };
    throw new PulsebusError(error.code, `event ${index} of the batch: ${error.message}`, details);
  }
}

/** Reads the object at the scanner's position; `depth` is how many arrays it stands in. */
function readEvent(
  scanner: JsonScanner,
  bytes: Buffer,
  assembly: Assembly,
  depth: number,
  options: DecodeOptions,
): Event {
  const start = scanner.position;
  let data: Slice | undefined;
  let base64: Slice | undefined;
  scanner.expect(0x7b);
  if (!scanner.take(0x7d)) {
    do {
      const name = readName(scanner);
      const value = readSlice(scanner, depth + 1);
      if (name === "data") data = once(name, data, value);
      else if (name === "data_base64") base64 = once(name, base64, value);
      else addAttribute(assembly, name, value, scanner, bytes);
    } while (scanner.take(0x2c));
    scanner.expect(0x7d);
  }
  const structured = bytes.subarray(start, scanner.position);
  return assembly.finish(readData(assembly, scanner, bytes, data, base64, options), structured);
}

function readName(scanner: JsonScanner): string {
  scanner.peek();
  const start = scanner.position;
  scanner.skipString();
  const name = scanner.text(start, scanner.position, scanner.plain);
  scanner.expect(0x3a);
  return name;
}

function readSlice(scanner: JsonScanner, depth: number): Slice {
  scanner.peek();
  const start = scanner.position;
  scanner.skipValue(depth);
  return { start, end: scanner.position, plain: scanner.plain };
}

function once(name: string, before: Slice | undefined, value: Slice): Slice {
  return before === undefined ? value : refuse(name, "is given more than once");
}

function addAttribute(assembly: Assembly, name: string, value: Slice, scanner: JsonScanner, bytes: Buffer): void {
  const first = bytes[value.start];
  if (first === 0x22) assembly.addText(name, scanner.text(value.start, value.end, value.plain), value.plain);
  else if (first === 0x74) assembly.addTyped(name, "boolean", "true");
  else if (first === 0x66) assembly.addTyped(name, "boolean", "false");
  else if (first === 0x6e) assembly.addUnset(name);
  else if (first === 0x7b || first === 0x5b) {
    refuse(
      name,
      "is a JSON object or array: CloudEvents 1.0 has no such attributes, and those of 0.3 are not converted",
    );
  } else {
    const number = bytes.toString("latin1", value.start, value.end);
    assembly.addTyped(name, "integer", number === "-0" ? "0" : number);
  }
}

function readData(
  assembly: Assembly,
  scanner: JsonScanner,
  bytes: Buffer,
  data: Slice | undefined,
  base64: Slice | undefined,
  options: DecodeOptions,
): Data | undefined {
  // A null data_base64 is what serializers write that write all members; a null data is the JSON value null.
  if (base64 !== undefined && bytes[base64.start] !== 0x6e) {
    if (data !== undefined) refuse("data", "is given together with data_base64");
    return { kind: "binary", bytes: readBase64(scanner, bytes, base64) };
  }
  if (data === undefined) return undefined;
  return assembly.decodeLegacyData(readDataMember(assembly.contentType, scanner, bytes, data, options));
}

function readBase64(scanner: JsonScanner, bytes: Buffer, value: Slice): Buffer {
  if (bytes[value.start] !== 0x22) refuse("data_base64", "must be a string of base64");
  const decoded = decodeBase64(scanner.text(value.start, value.end, value.plain));
  return decoded ?? refuse("data_base64", "is not base64 with the alphabet and padding of RFC 4648 section 4");
}

function readDataMember(
  contentType: string | undefined,
  scanner: JsonScanner,
  bytes: Buffer,
  { start, end, plain }: Slice,
  options: DecodeOptions,
): Data {
  const raw = bytes.subarray(start, end);
  if (contentType === undefined || isJsonMediaType(contentType)) return { kind: "json", bytes: raw };
  if (bytes[start] !== 0x22) {
    tolerate(options, "json-data-of-other-type", "data", `must be a string, as ${contentType} is not JSON`);
    return { kind: "json", bytes: raw };
  }
  if (plain || !raw.includes(0x5c)) return { kind: "text", bytes: bytes.subarray(start + 1, end - 1) };
  const text = scanner.text(start, end, false);
  if (!text.isWellFormed()) refuse("data", "contains an unpaired surrogate");
  return { kind: "text", bytes: Buffer.from(text, "utf8") };
}

function buildDocument(event: Event, jsonData: JsonData): Buffer {
  const attributes = attributesJson(event);
  const { data } = event;
  if (data === undefined) return Buffer.from(`${attributes}}`);
  const contentType = attributeOf(event, "datacontenttype");
  if (data.kind === "json" || (isJson(contentType) && isJsonText(data.bytes, jsonData))) {
    return Buffer.concat([Buffer.from(`${attributes},"data":`), data.bytes, CLOSE_OBJECT]);
  }
  if (data.kind === "text") {
    return Buffer.from(`${attributes},"data":${JSON.stringify(data.bytes.toString("utf8"))}}`);
  }
  return Buffer.from(`${attributes},"data_base64":"${data.bytes.toString("base64")}"}`);
}

/** The document up to the data, without its closing brace. */
function attributesJson(event: Event): string {
  let json = '{"specversion":"1.0"';
  for (const { name, type, value } of event.attributes) {
    const bare = type === "integer" || type === "boolean";
    json += `,"${name}":${bare ? value : JSON.stringify(value)}`;
  }
  return json;
}

function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && isJsonMediaType(contentType);
}

/** Whether bytes that claim to be JSON are: else they would break the document that they are put into. */
function isJsonText(bytes: Buffer, jsonData: JsonData): boolean {
  if (!isUtf8(bytes)) return false;
  const scanner = new JsonScanner(bytes);
  try {
    scanner.peek();
    const start = scanner.position;
    scanner.skipValue(1);
    const end = scanner.position;
    scanner.expectEnd();
    return jsonData === "readable" || (start === 0 && end === bytes.length);
  } catch {
    return false;
  }
}
