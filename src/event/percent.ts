/**
 * Percent-encoding of attribute values in header fields (http-protocol-binding.md section 3.1.3.2). Written: the UTF-8
 * bytes of space, double quote, percent sign and everything outside U+0021 to U+007E, in upper-case hex, nothing else.
 * Read: double quotes taken off, then one round of decoding, tolerant of the many senders that encode nothing.
 */
import { type DecodeOptions, refuse, tolerate } from "./leniency.ts";

const HEX = "0123456789ABCDEF";

/** Whether a value reads and writes as it is: printable ASCII without space, double quote and percent sign. */
export function isPlain(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x21 || code > 0x7e || code === 0x22 || code === 0x25) return false;
  }
  return true;
}

export function encodePercent(value: string): string {
  return isPlain(value) ? value : encodeBytes(Buffer.from(value, "utf8"));
}

function encodeBytes(bytes: Buffer): string {
  let encoded = "";
  for (const byte of bytes) {
    if (byte < 0x21 || byte > 0x7e || byte === 0x22 || byte === 0x25) {
      encoded += `%${HEX.charAt(byte >> 4)}${HEX.charAt(byte & 15)}`;
    } else encoded += String.fromCharCode(byte);
  }
  return encoded;
}

/** The attribute value of a header value that is not plain. `name` is the attribute's. */
export function decodePercent(raw: string, name: string, options: DecodeOptions): string {
  const unquoted = unquote(raw);
  noteUnencoded(unquoted ?? raw, unquoted !== undefined, name, options);
  const value = unquoted ?? raw;
  return value.includes("%") ? decodeSequences(value, name, options) : value;
}

/** The content of a quoted string with its escapes undone, or undefined when the value as a whole is none. */
function unquote(raw: string): string | undefined {
  const last = raw.length - 1;
  if (last < 1 || raw.charCodeAt(0) !== 0x22 || raw.charCodeAt(last) !== 0x22) return undefined;
  let content = "";
  for (let i = 1; i < last; i++) {
    const code = raw.charCodeAt(i);
    if (code === 0x22) return undefined;
    if (code === 0x5c) {
      i++;
      if (i === last) return undefined;
    }
    content += raw.charAt(i);
  }
  return content;
}

function noteUnencoded(value: string, quoted: boolean, name: string, options: DecodeOptions): void {
  let unencoded = false;
  let high = false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x20 || code === 0x22) unencoded = true;
    else if (code > 0x7e) high = true;
  }
  if (unencoded && !quoted) {
    tolerate(options, "unencoded-character", name, "has a space or double quote that is not percent-encoded");
  }
  if (high) tolerate(options, "raw-utf8", name, "has characters outside ASCII that are not percent-encoded");
}

function decodeSequences(value: string, name: string, options: DecodeOptions): string {
  let decoded = "";
  let copied = 0;
  let bare = false;
  for (let i = value.indexOf("%"); i !== -1; i = value.indexOf("%", i)) {
    const first = byteAt(value, i);
    if (first === -1) {
      bare = true;
      i++;
      continue;
    }
    const length = sequenceLength(first);
    const point = codePointAt(value, i, first, length);
    if (point === -1) refuse(name, "has a percent-encoding that is not valid UTF-8");
    decoded += value.slice(copied, i) + String.fromCodePoint(point);
    i += 3 * length;
    copied = i;
  }
  if (bare) tolerate(options, "bare-percent", name, "has a percent sign that starts no percent-encoding");
  return decoded + value.slice(copied);
}

/** The byte of `%XX` at an index, or -1. */
function byteAt(value: string, index: number): number {
  if (value.charCodeAt(index) !== 0x25) return -1;
  const high = hexDigit(value.charCodeAt(index + 1));
  const low = hexDigit(value.charCodeAt(index + 2));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** How many bytes a UTF-8 sequence has by its first one; 0 when none starts so. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

const SMALLEST_OF_LENGTH = [0, 0, 0x80, 0x800, 0x10000];

/** The code point of a percent-encoded UTF-8 sequence; -1 when it is truncated, overlong, a surrogate or too large. */
function codePointAt(value: string, index: number, first: number, length: number): number {
  if (length === 0) return -1;
  if (length === 1) return first;
  let point = first & (0x7f >> length);
  for (let k = 1; k < length; k++) {
    const byte = byteAt(value, index + 3 * k);
    if (byte === -1 || (byte & 0xc0) !== 0x80) return -1;
    point = point * 64 + (byte & 0x3f);
  }
  const overlong = point < (SMALLEST_OF_LENGTH[length] ?? 0);
  return overlong || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? -1 : point;
}
