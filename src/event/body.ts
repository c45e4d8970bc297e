/** What the body of a binary-mode message says about the data of an event, and the other way round. */
import type { Data } from "./event.ts";
import { isJsonMediaType } from "./media-type.ts";

/**
 * The data of a binary-mode body. Most protocols can't tell an empty body from none. It is data of no bytes where the
 * content type allows that; no bytes are no JSON, and without a content type nothing speaks for data.
 */
export function dataOfBody(body: Buffer | undefined, contentType: string | undefined): Data | undefined {
  if (body === undefined) return undefined;
  if (body.length === 0 && (contentType === undefined || isJsonMediaType(contentType))) return undefined;
  return { kind: "binary", bytes: body };
}

/** JSON data without `datacontenttype` implies JSON; outside the JSON format that has to be said (json-format.md 3.1). */
export function impliedContentType(data: Data | undefined): string | undefined {
  return data?.kind === "json" ? "application/json" : undefined;
}
