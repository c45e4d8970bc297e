/** The event formats of structured and batch mode, told apart by content type. JSON is the only one so far. */
import { PulsebusError } from "../errors.ts";
import { charsetOf, essenceOf } from "./media-type.ts";

export const STRUCTURED_JSON = "application/cloudevents+json";
export const BATCH_JSON = "application/cloudevents-batch+json";

/** `utf8` is no registered name, but a common spelling of one; ASCII is a part of UTF-8. */
const UTF8_CHARSETS: ReadonlySet<string> = new Set(["utf-8", "utf8", "us-ascii"]);

/**
 * The mode of a content type that starts with `application/cloudevents`.
 * @throws PulsebusError `unsupported-media-type` for another format or charset: it is never half-parsed.
 */
export function documentMode(contentType: string): "structured" | "batch" {
  const charset = charsetOf(contentType);
  if (charset !== undefined && !UTF8_CHARSETS.has(charset)) {
    throw new PulsebusError("unsupported-media-type", `the charset ${charset} is not supported: send UTF-8`);
  }
  const format = essenceOf(contentType);
  if (format === STRUCTURED_JSON) return "structured";
  if (format === BATCH_JSON) return "batch";
  throw new PulsebusError(
    "unsupported-media-type",
    `the event format ${format} is not supported: send ${STRUCTURED_JSON}, ${BATCH_JSON} or binary mode`,
  );
}
