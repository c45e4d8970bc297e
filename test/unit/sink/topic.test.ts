import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attributeOf, type Event } from "../../../src/event/event.ts";
import { decodeStructured } from "../../../src/event/json.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Delivery, Sink, SinkResult } from "../../../src/sink/port.ts";
import { openTopicSink, type TopicSinkOptions } from "../../../src/sink/topic.ts";
import { type PublishResult, TransportError, type TransportErrorCode } from "../../../src/transport/port.ts";

const NEVER = new AbortController().signal;
const STORED: PublishResult = { ok: true, position: "1" };

function event(bridgevia?: string, id = "1"): Event {
  const attributes = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: "/shop" },
    { name: "type", type: "string", value: "com.example.created" },
    ...(bridgevia === undefined ? [] : [{ name: "bridgevia", type: "string", value: bridgevia } as const]),
  ] as const;
  return { id, source: "/shop", type: "com.example.created", attributes, data: undefined, structured: undefined };
}

/** An event that came in structured mode. */
function decodedDocument(members: object): Event {
  const required = { specversion: "1.0", id: "1", source: "/shop", type: "com.example.created" };
  return decodeStructured(Buffer.from(JSON.stringify({ ...required, ...members })), { strict: true, leniency() {} });
}

function deliveryOf(of: Event): Delivery {
  return { id: "d", event: of, attempt: 1 };
}

interface Rig {
  readonly sink: Sink;
  readonly published: Event[];
}

/** A topic sink in front of a target that keeps what it is given. */
function rig(options: Partial<TopicSinkOptions> = {}): Rig {
  const published: Event[] = [];
  const sink = openTopicSink({
    publish: async (events) => {
      published.push(...events);
      return events.map(() => STORED);
    },
    sourcePlace: "eu-1/orders",
    targetPlace: "kafka-7/orders",
    maxHops: 8,
    timeoutMs: 10_000,
    clock: systemClock,
    ...options,
  });
  return { sink, published };
}

async function deliverOne(sink: Sink, of: Event, signal = NEVER): Promise<SinkResult | undefined> {
  const [result] = await sink.deliver([deliveryOf(of)], signal);
  return result;
}

describe("an event that is forwarded", () => {
  it("is published with the source's place as the first that it passed", async () => {
    const { sink, published } = rig();
    expect(await deliverOne(sink, event())).toEqual({ kind: "stored" });
    expect(published.map((each) => attributeOf(each, "bridgevia"))).toEqual(["eu-1/orders"]);
  });

  it("keeps the places it passed before, in order", async () => {
    const { sink, published } = rig();
    await deliverOne(sink, event("a/x,b/y"));
    expect(published.map((each) => attributeOf(each, "bridgevia"))).toEqual(["a/x,b/y,eu-1/orders"]);
  });

  it("keeps everything else, id and source above all", async () => {
    const { sink, published } = rig();
    const original = event();
    await deliverOne(sink, original);
    const [forwarded] = published;
    expect(forwarded).toMatchObject({ id: original.id, source: original.source, type: original.type, data: undefined });
    expect(forwarded?.attributes.slice(0, 3)).toEqual(original.attributes);
  });

  it("stays a document where it came as one, with the new place in it", async () => {
    const { sink, published } = rig();
    const original = decodedDocument({ count: 5, data: { price: 1.5 } });
    await deliverOne(sink, original);
    const [forwarded] = published;
    expect(JSON.parse(forwarded?.structured?.toString() ?? "")).toEqual({
      ...{ specversion: "1.0", id: "1", source: "/shop", type: "com.example.created" },
      ...{ count: 5, bridgevia: "eu-1/orders", data: { price: 1.5 } },
    });
    expect(forwarded?.data).toEqual(original.data);
  });

  it("does not become a document where it came as none", async () => {
    const { sink, published } = rig();
    await deliverOne(sink, event());
    expect(published[0]?.structured).toBeUndefined();
  });

  it("may pass several topics of one bus in a row", async () => {
    let travelling = event();
    for (const [sourcePlace, targetPlace] of [
      ["eu-1/a", "eu-1/b"],
      ["eu-1/b", "eu-1/c"],
      ["eu-1/c", "us-1/a"],
      ["us-1/a", "us-1/b"],
    ] as const) {
      const { sink, published } = rig({ sourcePlace, targetPlace });
      expect(await deliverOne(sink, travelling)).toEqual({ kind: "stored" });
      travelling = published[0] ?? travelling;
    }
    expect(attributeOf(travelling, "bridgevia")).toBe("eu-1/a,eu-1/b,eu-1/c,us-1/a");
  });
});

describe("a loop", () => {
  it.each([
    ["first", "kafka-7/orders,b/y"],
    ["in the middle", "a/x,kafka-7/orders,b/y"],
    ["last", "a/x,kafka-7/orders"],
  ])("ends where the target is %s among the places passed", async (_where, passed) => {
    const { sink, published } = rig();
    expect(await deliverOne(sink, event(passed))).toEqual({ kind: "loop" });
    expect(published).toEqual([]);
  });

  it("ends at once where a topic forwards to itself", async () => {
    const { sink, published } = rig({ targetPlace: "eu-1/orders" });
    expect(await deliverOne(sink, event())).toEqual({ kind: "loop" });
    expect(published).toEqual([]);
  });

  it("is not seen in a place that only begins alike, or in another case", async () => {
    const { sink } = rig();
    expect(await deliverOne(sink, event("kafka-7/orders-eu,KAFKA-7/orders,afka-7/orders"))).toEqual({ kind: "stored" });
  });

  it("ends after more than the allowed number of places, for good", async () => {
    const { sink, published } = rig({ maxHops: 3 });
    expect(await deliverOne(sink, event("a,b"))).toEqual({ kind: "stored" });
    expect(await deliverOne(sink, event("a,b,c"))).toEqual({
      kind: "refused",
      reason: "loop",
      message: expect.stringMatching(/4 places.*maxHops.*3/),
    });
    expect(published).toHaveLength(1);
  });

  it.each([
    ["a,b", "a%2Cb"],
    ["a%2Cb", "a,b"],
    ["a b", "a%20b"],
    ["ä", "%C3%A4"],
    ["a", "a,b"],
    ["b", "a,b"],
  ])("is not seen at %j because of a stay at %j", async (targetPlace, sourcePlace) => {
    const { sink, published } = rig({ sourcePlace, targetPlace: "elsewhere" });
    await deliverOne(sink, event());
    const [travelling = event()] = published;
    expect(await deliverOne(rig({ targetPlace }).sink, travelling)).toEqual({ kind: "stored" });
    expect(await deliverOne(rig({ targetPlace: sourcePlace }).sink, travelling)).toEqual({ kind: "loop" });
  });

  it("is found for places of any characters", async () => {
    const place = fc.oneof(fc.string({ unit: "grapheme", minLength: 1 }), fc.stringMatching(/^[,%2C5a ]{1,6}$/));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(place, { minLength: 2, maxLength: 6 }), async (places) => {
        let travelling = event();
        for (const [index, sourcePlace] of places.slice(0, -1).entries()) {
          const { sink, published } = rig({ sourcePlace, targetPlace: places[index + 1] ?? "" });
          expect(await deliverOne(sink, travelling)).toEqual({ kind: "stored" });
          travelling = published[0] ?? travelling;
        }
        const passed = attributeOf(travelling, "bridgevia") ?? "";
        expect(passed).toMatch(/^[\x21-\x7e]+$/);
        expect(passed.split(",")).toHaveLength(places.length - 1);
        const { sink } = rig({ sourcePlace: places.at(-1) ?? "", targetPlace: places[0] ?? "" });
        expect(await deliverOne(sink, travelling)).toEqual({ kind: "loop" });
      }),
    );
  });
});

describe("several deliveries at once", () => {
  it("get one result each by index, and only what may be forwarded is published", async () => {
    const { sink, published } = rig({ maxHops: 2 });
    const deliveries = [event(undefined, "1"), event("kafka-7/orders", "2"), event("a", "3"), event("a,b", "4")];
    const results = await sink.deliver(deliveries.map(deliveryOf), NEVER);
    expect(results.map(({ kind }) => kind)).toEqual(["stored", "loop", "stored", "refused"]);
    expect(published.map(({ id }) => id)).toEqual(["1", "3"]);
  });

  it("publish nothing when none may be forwarded", async () => {
    const { sink } = rig({ publish: () => Promise.reject(new Error("must not be called")) });
    expect(await deliverOne(sink, event("kafka-7/orders"))).toEqual({ kind: "loop" });
    expect(await sink.deliver([], NEVER)).toEqual([]);
  });
});

describe("a target that does not store the event", () => {
  function failing(code: TransportErrorCode, retryAfterSeconds?: number): Sink {
    const error = new TransportError(
      code,
      `the broker said ${code}`,
      retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
    );
    return rig({ publish: async (events) => events.map(() => ({ ok: false, error, stored: "no" })) }).sink;
  }

  it.each<TransportErrorCode>([
    "unavailable",
    "timeout",
    "throttled",
    "aborted",
    "unknown",
    "not_found",
    "fenced",
    "closed",
  ])("with %s has failed, and may be tried again", async (code) => {
    expect(await deliverOne(failing(code), event())).toEqual({
      kind: "failure",
      error: "transport",
      message: `the broker said ${code}`,
    });
  });

  it("passes on when it wants to be tried again", async () => {
    expect(await deliverOne(failing("throttled", 3), event())).toMatchObject({ kind: "failure", retryAfterMs: 3_000 });
  });

  it.each<TransportErrorCode>(["invalid", "too_large", "permission_denied"])(
    "with %s has refused it for good",
    async (code) => {
      expect(await deliverOne(failing(code), event())).toEqual({
        kind: "refused",
        reason: "rejected",
        message: `the broker said ${code}`,
      });
    },
  );
});

describe("a target that does not answer", () => {
  const silent = (options: Partial<TopicSinkOptions> = {}): Sink =>
    rig({ publish: () => new Promise(() => {}), ...options }).sink;

  it("has failed after the timeout", async () => {
    expect(await deliverOne(silent({ timeoutMs: 20 }), event())).toMatchObject({ kind: "failure", error: "timeout" });
  });

  it("is waited for no longer when the signal is aborted", async () => {
    const abort = new AbortController();
    const pending = deliverOne(silent(), event(), abort.signal);
    abort.abort();
    expect(await pending).toEqual({ kind: "aborted" });
  });

  it("is waited for no longer when the sink is closed, which then takes nothing more", async () => {
    const sink = silent();
    const pending = deliverOne(sink, event());
    await sink.close();
    expect(await pending).toEqual({ kind: "aborted" });
    expect(await deliverOne(sink, event())).toEqual({ kind: "aborted" });
  });

  it("is not asked when the signal is aborted already", async () => {
    const { sink, published } = rig();
    expect(await deliverOne(sink, event(), AbortSignal.abort())).toEqual({ kind: "aborted" });
    expect(published).toEqual([]);
  });
});
