/** An event in words for people, and in one line of JSON for programs. */
import { isUtf8 } from "node:buffer";
import { attributeOf, type Event } from "../event/event.ts";
import { decodeHttp, encodeHttpStructured } from "../event/http.ts";
import { isJsonMediaType } from "../event/media-type.ts";
import { printable } from "./output.ts";

/**
 *     com.example.order.created A-1 from /shop
 *       subject: order/1
 *       {"order":1}
 */
export function eventText(event: Event): string {
  const others = event.attributes.filter(({ name, value }) => !isSaidElsewhere(name, value));
  const lines = [
    `${event.type} ${event.id} from ${event.source}`,
    ...others.map(({ name, value }) => `  ${name}: ${value}`),
    ...dataText(event).map((line) => `  ${line}`),
  ];
  return lines.map(printable).join("\n");
}

/** In the first line, or by the data itself. */
function isSaidElsewhere(name: string, value: string): boolean {
  return ["id", "source", "type"].includes(name) || (name === "datacontenttype" && value === "application/json");
}

/** The event in the JSON format. Line breaks of a document that came with some stand between tokens, never in strings. */
export function eventLine(event: Event): string {
  return String(encodeHttpStructured(event).body ?? "").replaceAll(/[\r\n]+/g, " ");
}

/** Reads the member `event` of an API answer. */
export function readEvent(document: unknown): Event | undefined {
  const body = Buffer.from(JSON.stringify(document));
  const tolerant = { strict: false, leniency: () => {} };
  return decodeHttp(["content-type", "application/cloudevents+json"], body, tolerant).events[0];
}

function dataText(event: Event): readonly string[] {
  if (event.data === undefined) return [];
  const { bytes } = event.data;
  const contentType = attributeOf(event, "datacontenttype") ?? "";
  const isText = isJsonMediaType(contentType) || contentType.startsWith("text/") || event.data.kind !== "binary";
  return isText && isUtf8(bytes) ? bytes.toString().trimEnd().split(/\r?\n/) : [`(${bytes.length} bytes)`];
}
