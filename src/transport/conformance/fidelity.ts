/** T9–T16: what comes out is what went in. */
import assert from "node:assert/strict";
import type { Event } from "../../event/event.ts";
import { isMalformed } from "../port.ts";
import type { ConformanceCase, Harness } from "./case.ts";
import { assertSameEvent, type EventInput, idOf, makeEvent } from "./events.ts";
import {
  assertRefused,
  assertStored,
  openConsumer,
  publishAll,
  receive,
  receiveAndAck,
  soon,
  topicWithGroup,
} from "./steps.ts";

const ASCII = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));

/** Bodies that sloppy transports re-encode, trim, or take for none. */
const BODIES: readonly (Buffer | undefined)[] = [
  undefined,
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28, 0xed, 0xa0, 0x80]),
  Buffer.from('{"big": 12345678901234567890.10, "a":1,"a":2 }\r\n'),
  Buffer.from("text with \u{1f680} and \r\n"),
  Buffer.alloc(70_000, "0123456789abcdef"),
];

/** Values that headers, keys and percent-encoding get wrong. */
const VALUES = [
  ...["a/b/../c", '"quoted"', "it's", " leading and trailing ", "1st", "+%20%2B", "a=b;c,d", "\\", "naïve"],
  ...["\u{1f680}\u{1f469}‍\u{1f4bb}", "日本語", ASCII, "x".repeat(2_000)],
];

/** The type system of CloudEvents, each type once, and the attributes that are optional. */
const VECTORS: readonly EventInput[] = [
  {},
  { attributes: [["time", "2026-11-25T17:31:00Z", "timestamp"]] },
  { attributes: [["time", "2026-11-25T17:31:00.123456789+01:00", "timestamp"]] },
  {
    attributes: [
      ["datacontenttype", "application/json"],
      ["dataschema", "https://example.com/schema?v=1#x", "uri"],
      ["subject", "order/1"],
    ],
    data: Buffer.from('{"n":1.0}'),
  },
  {
    attributes: [
      ["int", "-2147483648", "integer"],
      ["bool", "true", "boolean"],
      ["bytes", "AAECAw==", "binary"],
      ["when", "1985-04-12T23:20:50.52Z", "timestamp"],
      ["link", "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", "uri"],
      ["ref", "../x?y", "uri-reference"],
      ["unknownext", "ünïcode"],
    ],
    data: Buffer.from([1, 2, 3]),
  },
  { source: "urn:x:%F0%9F%9A%80", type: "日本", id: "id with spaces/and/slashes" },
  { attributes: [["datacontenttype", "text/plain; charset=utf-8"]], data: Buffer.alloc(0) },
];

async function roundTrip(harness: Harness, events: readonly Event[]): Promise<void> {
  const { address, group } = await topicWithGroup(harness);
  const consumer = openConsumer(harness, address, group);
  for (const event of events) {
    await publishAll(harness, address, [event]);
    const [item] = await receiveAndAck(consumer, 1);
    assert.ok(item !== undefined);
    assertSameEvent(item, event);
  }
  await consumer.close(soon());
}

export const fidelityCases: readonly ConformanceCase[] = [
  {
    id: "T9",
    title: "bodies are byte-identical, and an empty body differs from none",
    run: (harness) =>
      roundTrip(
        harness,
        BODIES.map((data) => makeEvent(data === undefined ? {} : { data })),
      ),
  },
  {
    id: "T10",
    title: "odd attribute values survive",
    run: (harness) =>
      roundTrip(
        harness,
        VALUES.map((value) => makeEvent({ attributes: [["ext", value]] })),
      ),
  },
  {
    id: "T11",
    title: "a value that is no Unicode text is refused, not mangled",
    async run(harness) {
      const { address } = await topicWithGroup(harness);
      const bad = makeEvent({ attributes: [["ext", "lone \ud800 surrogate"]] });
      const results = await harness.transport.publisher(address).publish([bad, makeEvent()], soon());
      assertRefused(results[0], "invalid");
      assertStored(results[1]);
    },
  },
  {
    id: "T12",
    title: "an event arrives with its own attributes and no others",
    run: (harness) => roundTrip(harness, [makeEvent(), makeEvent({ attributes: [["a", "1"]] })]),
  },
  {
    id: "T13",
    title: "the vectors of the CloudEvents type system survive",
    run: (harness) => roundTrip(harness, VECTORS.map(makeEvent)),
  },
  {
    id: "T14",
    title: "trace context survives",
    run: (harness) =>
      roundTrip(harness, [
        makeEvent({
          attributes: [
            ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            ["tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
          ],
        }),
      ]),
  },
  {
    id: "T15",
    title: "a message that is no CloudEvent arrives as malformed, with its bytes and a reason",
    needs: ({ publishForeign }) => publishForeign !== undefined,
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const nothing = { matches: () => false, types: [], source: undefined };
      const consumer = openConsumer(harness, address, group, nothing);
      await harness.publishForeign?.(address, Buffer.from("no CloudEvent"));
      const [item] = await receive(consumer);
      assert.ok(item !== undefined && isMalformed(item.event), "a malformed item, whatever the matcher says");
      assert.deepEqual(item.event.bytes, Buffer.from("no CloudEvent"));
      assert.ok(item.event.malformed.length > 0);
      consumer.settle(item, "ack");
    },
  },
  {
    id: "T16",
    title: "an event over the limit is too_large, attributes counted, and does not fail its batch mates",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const { eventBytes } = harness.transport.capabilities.limits;
      const halves = [["ext", "x".repeat(30_000)] as const];
      const large = makeEvent({ attributes: halves, data: Buffer.alloc(eventBytes - 20_000) });
      const mates = [makeEvent(), makeEvent()];
      const results = await harness.transport
        .publisher(address)
        .publish([...mates.slice(0, 1), large, ...mates.slice(1)], soon());
      assertStored(results[0]);
      assertRefused(results[1], "too_large");
      assertStored(results[2]);
      const consumer = openConsumer(harness, address, group);
      const byId = new Map(mates.map((mate) => [mate.id, mate]));
      for (const item of await receiveAndAck(consumer, 2)) {
        assertSameEvent(item, byId.get(idOf(item)) ?? assert.fail("an event that was refused"));
      }
    },
  },
];
