/** One event with everything that a binding may lose, for tests with the clients that users run. */
import type { AttributeType } from "../../src/event/event.ts";
import { makeEvent } from "../../src/transport/conformance/events.ts";

/** Besides id, source and type. */
const ATTRIBUTES: readonly (readonly [string, string, AttributeType?])[] = [
  ["subject", "order/1 ü 100%"],
  ["time", "2026-11-25T17:31:00.123456789+01:00", "timestamp"],
  ["dataschema", "https://example.com/schema?v=1", "uri"],
  ["datacontenttype", "application/json"],
  ["count", "-2147483648", "integer"],
  ["flag", "true", "boolean"],
  ["partitionkey", "a key"],
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
];
export const EVENT = makeEvent({
  ...{ id: "id 1", source: "/orders/%20x", type: "com.example.order.created" },
  attributes: ATTRIBUTES,
  data: Buffer.from('{"total": 12345678901234567890.10}'),
});

/** An event as a structured message has it. */
export const DOCUMENT =
  '{"specversion":"1.0","id":"id 1","source":"/orders/%20x","type":"com.example.order.created",' +
  '"subject":"order/1 ü","count":-2147483648,"flag":true,"datacontenttype":"application/json",' +
  '"data":{"total": 12345678901234567890.10}}';
