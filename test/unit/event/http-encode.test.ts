import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../../../src/event/event.ts";
import { decodeHttp, encodeHttpBinary } from "../../../src/event/http.ts";
import { withAttribute } from "../../../src/event/with-attribute.ts";
import { anyEvent, binaryEvent, essence, first, lenient, REQUIRED_HEADERS, STRICT, textualEssence } from "./support.ts";

const withExt = (value: string) => withAttribute(binaryEvent([]), { name: "ext", type: "string", value });
const headerOf = (event: Event, name: string, encoding?: "spec" | "raw") => {
  const { headers } = encodeHttpBinary(event, encoding);
  return headers[headers.indexOf(name) + 1];
};

describe("writing binary mode", () => {
  it("writes flat lower-case headers and the data bytes themselves", () => {
    const body = Buffer.from("{}");
    const event = binaryEvent(["Content-Type", "application/json", "Ce-Time", "2026-01-31T12:00:00.10Z"], body);
    const encoded = encodeHttpBinary(event);
    expect(encoded.headers).toEqual([
      ...REQUIRED_HEADERS,
      "ce-time",
      "2026-01-31T12:00:00.10Z",
      "content-type",
      "application/json",
    ]);
    expect(encoded.body).toBe(body);
  });

  it("has no body without data, and an empty one for data of no bytes", () => {
    expect(encodeHttpBinary(binaryEvent([])).body).toBeUndefined();
    expect(encodeHttpBinary(binaryEvent(["content-type", "text/plain"], Buffer.alloc(0))).body).toHaveLength(0);
  });

  it.each([
    ["Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"],
    ['say "hi"', "say%20%22hi%22"],
    ["50%", "50%25"],
    ["a%20b", "a%2520b"],
    ["~!#$&'()*+,/:;=?@[]^`{|}<>\\", "~!#$&'()*+,/:;=?@[]^`{|}<>\\"],
    ["\u00a0", "%C2%A0"],
    ["", ""],
  ])("encodes %j as %s and nothing more than the binding asks for", (value, encoded) => {
    expect(headerOf(withExt(value), "ce-ext")).toBe(encoded);
  });

  it("leaves values alone for receivers that do not decode, as bytes of UTF-8", () => {
    expect(headerOf(withExt('50% "é"'), "ce-ext", "raw")).toBe(Buffer.from('50% "é"').toString("latin1"));
  });

  it("writes structured mode where the data is an event, which would be taken for the one that is sent", () => {
    const inner = Buffer.from('{"specversion":"1.0","id":"inner","source":"/s","type":"t"}');
    const attribute = { name: "datacontenttype", type: "string", value: "application/cloudevents+json" } as const;
    const event: Event = { ...withAttribute(binaryEvent([]), attribute), data: { kind: "binary", bytes: inner } };
    const { headers, body } = encodeHttpBinary(event);
    expect(essence(first(decodeHttp(headers, body, STRICT).events))).toEqual(essence(event));
  });

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        fc.pre(event.data?.bytes.length !== 0);
        const { headers, body } = encodeHttpBinary(event);
        const expected =
          event.data?.kind === "json" ? { ...event, data: { ...event.data, kind: "binary" as const } } : event;
        expect(essence(first(decodeHttp(headers, body, STRICT).events))).toEqual(textualEssence(expected));
      }),
    );
  });
});

it("arrives through node:http as it was, encoded or raw", async () => {
  const received: { rawHeaders: string[]; body: Buffer }[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      received.push({ rawHeaders: incoming.rawHeaders, body: Buffer.concat(chunks) });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const event = withAttribute(binaryEvent(["content-type", "text/plain"], Buffer.from("x")), {
    name: "ext",
    type: "string",
    value: 'é€😀 "50%"',
  });
  try {
    for (const encoding of ["spec", "raw"] as const) {
      const { headers, body } = encodeHttpBinary(event, encoding);
      await send((server.address() as AddressInfo).port, headers, body);
    }
  } finally {
    server.close();
  }
  const options = lenient();
  const events = received.map(({ rawHeaders, body }) => first(decodeHttp(rawHeaders, body, options).events));
  expect(events.map(essence)).toEqual([essence(event), essence(event)]);
  expect(options.seen.toSorted()).toEqual(["bare-percent", "raw-utf8", "unencoded-character"]);
});

function send(port: number, headers: string[], body: Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { port, host: "127.0.0.1", method: "POST", headers: ["host", "x", ...headers] },
      (response) => {
        response.resume().on("end", resolve);
      },
    );
    outgoing.on("error", reject).end(body);
  });
}
