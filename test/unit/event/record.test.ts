import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../../../src/event/event.ts";
import { readRecord, recordBytes, recordEnd, recordHasIdentity, writeRecord } from "../../../src/event/record.ts";
import { withAttribute } from "../../../src/event/with-attribute.ts";
import { anyEvent, binaryEvent, jsonEvent, lenient, refusal } from "./support.ts";

/** Writes into a buffer full of rubbish, some way in, and hands back the record. */
function written(event: Event, offset = 7): Buffer {
  const buffer = Buffer.alloc(offset + recordBytes(event) + 3, 0xaa);
  expect(writeRecord(event, buffer, offset)).toBe(recordBytes(event));
  expect(buffer.subarray(offset + recordBytes(event))).toEqual(Buffer.alloc(3, 0xaa));
  return buffer;
}

const reread = (event: Event) => readRecord(written(event), 7).event;

describe("a stored event", () => {
  it("is read as it was written, whatever it holds", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const buffer = written(event);
        const { event: read, end } = readRecord(buffer, 7);
        expect(read).toEqual(event);
        expect([end, recordEnd(buffer, 7)]).toEqual([buffer.length - 3, buffer.length - 3]);
      }),
    );
  });

  it.each([
    ["JSON data", { data: { a: [1.0, "é"] } }],
    ["a JSON string", { data: "x" }],
    ["plain text", { datacontenttype: "text/plain", data: "plain" }],
    ["text with escapes", { datacontenttype: "text/plain", data: 'é\n"' }],
    ["base64", { data_base64: "AP8=" }],
    ["empty base64", { data_base64: "" }],
    ["no data", {}],
    ["an emoji", { ext: "😀", n: 5, b: false }],
  ])("keeps the document it came as, with %s", (_what, members) => {
    const event = jsonEvent(members);
    expect(event.structured).toBeDefined();
    expect(reread(event)).toEqual(event);
  });

  it("holds JSON data once, not beside its document", () => {
    const event = jsonEvent({ data: "x".repeat(10_000) });
    expect(recordBytes(event)).toBeLessThan(10_500);
    const { data, structured } = reread(event);
    expect(data?.bytes.buffer).toBe(structured?.buffer);
  });

  it("holds data that was replaced after the document was read", () => {
    const event = { ...jsonEvent({ data: 1 }), data: { kind: "binary" as const, bytes: Buffer.from("other") } };
    expect(reread(event)).toEqual(event);
  });

  it("takes no other memory for a slice of the document", () => {
    const document = jsonEvent({ data: 1 }).structured;
    const event: Event = { ...jsonEvent({ data: 1 }), structured: Buffer.alloc(100, document) };
    const replaced = { ...event, data: { kind: "binary" as const, bytes: Buffer.alloc(5, "other") } };
    expect(reread(replaced)).toEqual(replaced);
  });

  it("keeps apart no data and data of no bytes", () => {
    expect(reread(binaryEvent([])).data).toBeUndefined();
    expect(reread(binaryEvent(["content-type", "text/plain"], Buffer.alloc(0))).data?.bytes).toHaveLength(0);
  });

  it("keeps values that look like the record's own syntax", () => {
    const event = withAttribute(binaryEvent(["ce-a", "id%3D2", "ce-b", "a%3Db%3D%3D"], undefined), {
      name: "c",
      type: "string",
      value: "=",
    });
    expect(reread(event)).toEqual(event);
  });

  it("follows another without a gap", () => {
    const events = [binaryEvent(["ce-n", "1"]), jsonEvent({ data: 2 }), binaryEvent(["ce-n", "3"], Buffer.from("x"))];
    const buffer = Buffer.alloc(events.reduce((sum, event) => sum + recordBytes(event), 0));
    let end = 0;
    for (const event of events) end += writeRecord(event, buffer, end);
    const read: Event[] = [];
    for (let at = 0; at < buffer.length; at = recordEnd(buffer, at)) read.push(readRecord(buffer, at).event);
    expect(read).toEqual(events);
  });

  it("of an unknown version is refused", () => {
    const buffer = written(binaryEvent([]), 0);
    buffer[4] = 2;
    expect(refusal(() => readRecord(buffer, 0)).message).toContain("version 2");
  });
});

describe("the identity of a stored event", () => {
  const has = (event: Event, source: string, id: string) => recordHasIdentity(written(event), 7, source, id);

  it("is found among the attributes", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(has(event, event.source, event.id)).toBe(true);
      }),
    );
    expect(has(jsonEvent({ id: "é" }), "/s", "é")).toBe(true);
  });

  it.each([
    ["/s", "2"],
    ["/s", ""],
    ["/s", "1\n"],
    ["/", "1"],
    ["s", "1"],
    ["1", "/s"],
  ])("is not %s with %j", (source, id) => expect(has(binaryEvent([]), source, id)).toBe(false));

  it("is not confused by other attributes, values and data", () => {
    const event = binaryEvent(["ce-myid", "2", "ce-idx", "2", "ce-x", "id=2"], Buffer.from("\nid=2\n"));
    expect(has(event, "/s", "2")).toBe(false);
    expect(has(jsonEvent({ data: "\nid=2\n" }, lenient()), "/s", "2")).toBe(false);
  });
});
