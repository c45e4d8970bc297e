/** Events for the cases, and how two of them are compared. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Attribute, AttributeType, Event } from "../../event/event.ts";
import { type Item, isMalformed } from "../port.ts";

export interface EventInput {
  readonly id?: string;
  readonly source?: string;
  readonly type?: string;
  /** Besides the three above. */
  readonly attributes?: readonly (readonly [name: string, value: string, type?: AttributeType])[];
  readonly data?: Buffer;
}

export function makeEvent(input: EventInput = {}): Event {
  const { id = randomUUID(), source = "/conformance", type = "com.example.conformance", attributes = [], data } = input;
  const all: Attribute[] = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: source },
    { name: "type", type: "string", value: type },
  ];
  for (const [name, value, kind = "string"] of attributes) all.push({ name, type: kind, value });
  const body = data === undefined ? undefined : ({ kind: "binary", bytes: data } as const);
  return { id, source, type, attributes: all, data: body, structured: undefined };
}

/** Ids `prefix-0` to `prefix-(count - 1)`, with a few bytes of data. */
export function makeEvents(count: number, prefix: string = randomUUID()): Event[] {
  return Array.from({ length: count }, (_, index) =>
    makeEvent({ id: `${prefix}-${index}`, data: Buffer.from(`data ${index}`) }),
  );
}

export function idOf({ event }: Item): string {
  if (isMalformed(event)) assert.fail(`an event arrived as malformed: ${event.malformed}`);
  return event.id;
}

export function idsOf(items: readonly Item[]): string[] {
  return items.map(idOf);
}

/** As multisets: neither a loss nor a duplicate. */
export function assertSameIds(actual: readonly string[], expected: readonly string[], what: string): void {
  assert.deepEqual(actual.toSorted(), expected.toSorted(), what);
}

/**
 * The same attributes with the same values, and the same bytes or none. Text protocols carry no types and some keep no
 * order, so neither is compared.
 */
export function assertSameEvent(actual: Item, expected: Event): void {
  const { event } = actual;
  if (isMalformed(event)) assert.fail(`${expected.id} arrived as malformed: ${event.malformed}`);
  assert.deepEqual(sorted(event.attributes), sorted(expected.attributes), "the attributes");
  assert.deepEqual([event.id, event.source, event.type], [expected.id, expected.source, expected.type]);
  assert.equal(event.data === undefined, expected.data === undefined, "whether there is data");
  assert.deepEqual(event.data?.bytes, expected.data?.bytes, "the data");
}

function sorted(attributes: readonly Attribute[]): string[] {
  return attributes.map(({ name, value }) => `${name}=${value}`).sort();
}
