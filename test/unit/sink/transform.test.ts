import { afterAll, describe, expect, it } from "vitest";
import type { Event } from "../../../src/event/event.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Delivery, SinkResult } from "../../../src/sink/port.ts";
import { openTopicSink } from "../../../src/sink/topic.ts";
import { openTransformSink } from "../../../src/sink/transform.ts";
import { openTransformer } from "../../../src/transform/transformer.ts";

const transformer = openTransformer(systemClock, { debug() {}, info() {}, warn() {}, error() {} });
afterAll(() => transformer.close());
const NEVER = new AbortController().signal;

function deliveryOf(id: string): Delivery {
  const attributes = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: "/s" },
    { name: "type", type: "string", value: "t" },
  ] as const;
  const data = { kind: "json", bytes: Buffer.from("1") } as const;
  return { id: `d-${id}`, attempt: 1, event: { id, source: "/s", type: "t", attributes, data, structured: undefined } };
}

/** In front of a topic that keeps what it is given. */
function rig(expression: string) {
  const published: Event[] = [];
  const sink = openTopicSink({
    publish: async (events) => {
      published.push(...events);
      return events.map(() => ({ ok: true, position: "1" }));
    },
    ...{ sourcePlace: "a", targetPlace: "b", maxHops: 8, timeoutMs: 10_000, clock: systemClock },
  });
  return { published, sink: openTransformSink({ sink, transformer, expression, timeoutMs: 10_000 }) };
}

const deliver = (expression: string, ids: readonly string[], signal = NEVER) => {
  const { sink, published } = rig(expression);
  return sink.deliver(ids.map(deliveryOf), signal).then((results) => ({ results, published }));
};

describe("a sink with a transformation", () => {
  it("gets what it makes of the event, under the same identity", async () => {
    const { results, published } = await deliver('{ "type": "new", "data": data + 1 }', ["1"]);
    expect(results).toEqual([{ kind: "stored" }]);
    expect(published).toMatchObject([{ id: "1", source: "/s", type: "new", data: { bytes: Buffer.from("2") } }]);
  });

  it("gets nothing of an event that fails, and each result stands at its place", async () => {
    const { results, published } = await deliver('id = "2" ? "no object" : {}', ["1", "2", "3"]);
    const refused: SinkResult = { kind: "refused", reason: "transform", message: expect.stringContaining("no object") };
    expect(results).toEqual([{ kind: "stored" }, refused, { kind: "stored" }]);
    expect(published.map(({ id }) => id)).toEqual(["1", "3"]);
  });

  it("is not reached when the attempt is aborted", async () => {
    const { results, published } = await deliver("{}", ["1"], AbortSignal.abort());
    expect({ results, published }).toEqual({ results: [{ kind: "aborted" }], published: [] });
  });

  it("is tried again later when there is no turn in time", async () => {
    const own = openTransformer(systemClock, { debug() {}, info() {}, warn() {}, error() {} });
    await own.close();
    const sink = openTransformSink({ sink: rig("{}").sink, transformer: own, expression: "{}", timeoutMs: 10_000 });
    expect(await sink.deliver([deliveryOf("1")], NEVER)).toMatchObject([{ kind: "failure", error: "timeout" }]);
  });
});
