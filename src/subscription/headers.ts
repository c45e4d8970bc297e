/**
 * The headers that a subscription adds to its webhook requests. What the bus, HTTP itself or the event decides can't be
 * set, and nothing in a value can end a header line.
 */
import { USER_HEADERS_BYTES_MAX, USER_HEADERS_MAX } from "../limits.ts";
import { faultAt, joinPointer } from "../pointer.ts";

/** A token of RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** A field value of RFC 9110 §5.5: no CR, LF or NUL, and nothing that does not fit in a byte. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const DENIED = new Set([
  // Framing and connection handling belong to the HTTP client.
  ...["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "expect", "keep-alive", "trailer"],
  // The event decides these.
  ...["content-type", "content-encoding"],
  // Nothing is decompressed, so that a response can't be larger than what was received.
  "accept-encoding",
  // The bus tells these.
  ...["user-agent", "traceparent", "tracestate"],
]);
const DENIED_PREFIXES = ["ce-", "webhook-", "pulsebus-", "proxy-"];

/** The headers with lower-case names. Throws `invalid-request` at the header at fault, never with its value. */
export function checkHeaders(headers: Readonly<Record<string, string>>, at: string): Readonly<Record<string, string>> {
  const entries = Object.entries(headers);
  if (entries.length > USER_HEADERS_MAX) throw refuse(at, `at most ${USER_HEADERS_MAX} headers may be added`);
  const checked = new Map<string, string>();
  for (const [name, value] of entries) {
    const lower = checkName(name, joinPointer(at, name));
    if (checked.has(lower))
      throw refuse(joinPointer(at, name), "is set twice: case does not matter in a header's name");
    if (!FIELD_VALUE.test(value)) throw refuse(joinPointer(at, name), "has a control character or one outside Latin-1");
    checked.set(lower, value);
  }
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > USER_HEADERS_BYTES_MAX) throw refuse(at, `headers may have ${USER_HEADERS_BYTES_MAX} bytes together`);
  return Object.fromEntries(checked);
}

function checkName(name: string, at: string): string {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) throw refuse(at, `${JSON.stringify(name)} is not a header's name`);
  if (DENIED.has(lower) || DENIED_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
    throw refuse(at, `the header ${lower} is set by Pulsebus and can't be changed`);
  }
  return lower;
}

function refuse(at: string, message: string): Error {
  return faultAt("invalid-request", at, message);
}
