/** What the tests of the event share: quick decoding with the leniencies it needed, and arbitrary events. */
import fc from "fast-check";
import { PulsebusError } from "../../../src/errors.ts";
import type { Attribute, Data, Event } from "../../../src/event/event.ts";
import { type DecodeOptions, decodeHttp, type Leniency } from "../../../src/event/http.ts";
import { validateName, validateValue } from "../../../src/event/rules.ts";

export const STRICT: DecodeOptions = {
  strict: true,
  leniency: (name) => {
    throw new Error(`strict reading tolerated ${name}`);
  },
};

/** Options that note what was tolerated. */
export function lenient(): DecodeOptions & { readonly seen: Leniency[] } {
  const seen: Leniency[] = [];
  return { strict: false, leniency: (name) => seen.push(name), seen };
}

export const REQUIRED_HEADERS = ["ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "t"];
export const REQUIRED_MEMBERS = { specversion: "1.0", id: "1", source: "/s", type: "t" };
export const STRUCTURED = ["content-type", "application/cloudevents+json"];
export const BATCH = ["content-type", "application/cloudevents-batch+json"];

/** The one event of a binary request with these headers besides the required ones. */
export function binaryEvent(headers: readonly string[], body?: Buffer, options: DecodeOptions = STRICT): Event {
  return first(decodeHttp([...REQUIRED_HEADERS, ...headers], body, options).events);
}

/** The one event of a structured request; an object gets the required members. */
export function jsonEvent(document: string | object, options: DecodeOptions = STRICT): Event {
  const text = typeof document === "string" ? document : JSON.stringify({ ...REQUIRED_MEMBERS, ...document });
  return first(decodeHttp(STRUCTURED, Buffer.from(text), options).events);
}

export function first(events: readonly Event[]): Event {
  const [event] = events;
  if (event === undefined || events.length !== 1) throw new Error(`one event expected, not ${events.length}`);
  return event;
}

/** The error that reading throws. */
export function refusal(read: () => unknown): PulsebusError {
  try {
    read();
  } catch (error) {
    if (error instanceof PulsebusError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** What has to survive a way through any codec: everything but the order of attributes and the received document. */
export function essence(event: Event): object {
  const attributes = event.attributes.map(({ name, type, value }) => `${name} ${type} ${value}`).sort();
  const data = event.data === undefined ? undefined : event.data.bytes.toString("hex");
  return { id: event.id, source: event.source, type: event.type, attributes, data };
}

/** The same with every extension as text, as it is behind a protocol that carries text only. */
export function textualEssence(event: Event): object {
  const attributes = event.attributes.map((attribute) =>
    EXTENSION_TYPES.has(attribute.type) ? { ...attribute, type: "string" as const } : attribute,
  );
  return essence({ ...event, attributes });
}

const EXTENSION_TYPES = new Set(["boolean", "integer", "binary"]);

const CORE = new Set([
  "specversion",
  "id",
  "source",
  "type",
  "time",
  "subject",
  "dataschema",
  "datacontenttype",
  "schemaurl",
  "datacontentencoding",
]);

/** Strings with everything that CloudEvents allows in them. */
const text = fc
  .oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom("50%", "a b", 'say "hi"', '"q"', "é€😀", "%41", "\\"),
  )
  .filter((value) => validateValue("string", value) === undefined);
const filledText = text.filter((value) => value !== "");
const extensionName = fc
  .stringMatching(/^[a-z0-9]{1,20}$/)
  .filter((name) => !CORE.has(name) && validateName(name) === undefined);
const time = fc.constantFrom("2026-01-31T12:00:00Z", "2016-12-31T23:59:60Z", "2026-02-28t01:02:03.000100-00:00");

const extension: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ name: extensionName, type: fc.constant("string" as const), value: text }),
  fc.record({ name: extensionName, type: fc.constant("boolean" as const), value: fc.constantFrom("true", "false") }),
  fc.record({
    name: extensionName,
    type: fc.constant("integer" as const),
    value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(String),
  }),
);

const jsonData: fc.Arbitrary<Data> = fc
  .json({ depthSize: "small" })
  .map((json) => ({ kind: "json", bytes: Buffer.from(json) }));
const binaryData: fc.Arbitrary<Data> = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => ({ kind: "binary", bytes: Buffer.from(bytes) }));

/** Content type and data that go together. */
const payload: fc.Arbitrary<{ contentType: string | undefined; data: Data | undefined }> = fc.oneof(
  fc.record({
    contentType: fc.constantFrom("application/json", "Text/JSON; charset=utf-8", "application/x+json"),
    data: fc.option(jsonData, { nil: undefined }),
  }),
  fc.record({
    contentType: fc.constantFrom("text/plain", "application/octet-stream", 'a/b; c="d e"'),
    data: fc.option(binaryData, { nil: undefined }),
  }),
  fc.record({ contentType: fc.constant(undefined), data: fc.option(binaryData, { nil: undefined }) }),
);

/** Any legal event. */
export const anyEvent: fc.Arbitrary<Event> = fc
  .record({
    id: filledText,
    source: fc.constantFrom("/s", "urn:a:b", "https://example.com/a?b=%20#c", "a/b"),
    type: filledText,
    time: fc.option(time, { nil: undefined }),
    subject: fc.option(filledText, { nil: undefined }),
    dataschema: fc.option(fc.constant("https://example.com/schema#x"), { nil: undefined }),
    extensions: fc.uniqueArray(extension, { selector: ({ name }) => name, maxLength: 5 }),
    payload,
  })
  .map(({ id, source, type, time, subject, dataschema, extensions, payload }) => {
    const attributes: Attribute[] = [
      { name: "id", type: "string", value: id },
      { name: "source", type: "uri-reference", value: source },
      { name: "type", type: "string", value: type },
      ...extensions,
    ];
    if (time !== undefined) attributes.push({ name: "time", type: "timestamp", value: time });
    if (subject !== undefined) attributes.push({ name: "subject", type: "string", value: subject });
    if (dataschema !== undefined) attributes.push({ name: "dataschema", type: "uri", value: dataschema });
    const { contentType, data } = payload;
    if (contentType !== undefined) attributes.push({ name: "datacontenttype", type: "string", value: contentType });
    return { id, source, type, attributes, data, structured: undefined };
  });
