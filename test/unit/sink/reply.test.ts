/** Replies through a real webhook: what is published, what is not, and what an answer means for the delivery. */
import { describe, expect, it, onTestFinished } from "vitest";
import { openEgress } from "../../../src/egress/egress.ts";
import { attributeOf, type Event } from "../../../src/event/event.ts";
import { RESPONSE_BYTES_MAX } from "../../../src/limits.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { SinkResult } from "../../../src/sink/port.ts";
import { openReplySink } from "../../../src/sink/reply.ts";
import { openTopicSink } from "../../../src/sink/topic.ts";
import { openWebhookSink } from "../../../src/sink/webhook.ts";
import { resolveSubscription } from "../../../src/subscription/resolve.ts";
import { type PublishResult, TransportError, type TransportErrorCode } from "../../../src/transport/port.ts";
import { type Handler, startReceiver } from "../../support/receiver.ts";

const NEVER = new AbortController().signal;
type Answer = Exclude<Awaited<ReturnType<Handler>>, number>;

function requestEvent(bridgevia?: string): Event {
  const attributes = [
    { name: "id", type: "string", value: "1" },
    { name: "source", type: "uri-reference", value: "/s" },
    { name: "type", type: "string", value: "question" },
    ...(bridgevia === undefined ? [] : [{ name: "bridgevia", type: "string", value: bridgevia } as const]),
  ] as const;
  return { id: "1", source: "/s", type: "question", attributes, data: undefined, structured: undefined };
}

interface Outcome {
  readonly result: SinkResult | undefined;
  readonly published: readonly Event[];
  readonly preferred: string | string[] | undefined;
}

interface Setting {
  readonly event?: Event;
  readonly publishResult?: PublishResult;
  readonly strict?: boolean;
  readonly maxHops?: number;
}

/** One delivery to a webhook that answers this, from the topic with place `requests` to the one with place `replies`. */
async function deliver(answer: Answer, setting: Setting = {}): Promise<Outcome> {
  const { event = requestEvent(), publishResult = { ok: true, position: "1" }, strict = false, maxHops = 8 } = setting;
  await using receiver = await startReceiver(() => answer);
  const egress = openEgress({ allow: ["127.0.0.0/8"] });
  onTestFinished(() => egress.close());
  const url = receiver.url();
  const input = { topic: "requests", sink: url, replies: { topic: "replies" } };
  const subscription = resolveSubscription(input, { id: () => "s" });
  const counters = { retryAfterIgnored: 0 };
  const published: Event[] = [];
  const sink = openReplySink({
    sink: openWebhookSink({
      ...{ url, subscription, egress, counters },
      clock: systemClock,
      version: "1",
      wantsReply: true,
    }),
    replies: openTopicSink({
      publish: async (events) => {
        published.push(...events);
        return events.map(() => publishResult);
      },
      ...{ sourcePlace: "requests", targetPlace: "replies", maxHops, timeoutMs: 10_000, clock: systemClock },
    }),
    decoding: { strict, leniency: () => undefined },
  });
  const [result] = await sink.deliver([{ id: "d", event, attempt: 1 }], NEVER);
  await sink.close();
  return { result, published, preferred: receiver.requests[0]?.headers.prefer };
}

const REPLY = { "ce-specversion": "1.0", "ce-id": "r1", "ce-source": "/sink", "ce-type": "answer" };
const STRUCTURED = { "content-type": "application/cloudevents+json" };
const DOCUMENT = { specversion: "1.0", id: "r1", source: "/sink", type: "answer", data: { n: 12 } };

describe("a reply", () => {
  it("is asked for", async () => {
    expect((await deliver({ status: 204 })).preferred).toBe("reply");
  });

  it("in binary mode is published with its attributes and bytes", async () => {
    const headers = { ...REPLY, "CE-Subject": "Gr%C3%B6%C3%9Fe", "content-type": "application/json" };
    const { result, published } = await deliver({ status: 200, headers, body: '{"n": 12345678901234567890}' });
    expect(result).toMatchObject({ kind: "response", status: 200 });
    expect(published).toMatchObject([{ id: "r1", source: "/sink", type: "answer" }]);
    expect(published[0]?.data?.bytes.toString()).toBe('{"n": 12345678901234567890}');
    expect(published[0] && attributeOf(published[0], "subject")).toBe("Größe");
  });

  it.each([200, 201, 203, 299])("in structured mode is published when the status is %i", async (status) => {
    const { published } = await deliver({ status, headers: STRUCTURED, body: JSON.stringify(DOCUMENT) });
    expect(published).toMatchObject([{ id: "r1", type: "answer" }]);
  });

  it("without a body is published too", async () => {
    expect((await deliver({ status: 204, headers: REPLY })).published).toMatchObject([{ id: "r1", data: undefined }]);
  });

  it.each<[sentence: string, answer: Answer]>([
    ["202, which must not be routed", { status: 202, headers: REPLY, body: "x" }],
    ["202 with an event as its body", { status: 202, headers: STRUCTURED, body: JSON.stringify(DOCUMENT) }],
    ["202 with what is no event", { status: 202, headers: STRUCTURED, body: "{" }],
    ["a body that is no event", { status: 200, body: "OK" }],
    [
      "JSON that nobody calls an event",
      { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(DOCUMENT) },
    ],
    ["nothing", { status: 204 }],
    ["more than is read, which nobody calls an event", { status: 200, body: "x".repeat(RESPONSE_BYTES_MAX + 1) }],
  ])("is none in %s: the event is delivered", async (_sentence, answer) => {
    const { result, published } = await deliver(answer);
    expect({ result, published }).toMatchObject({ result: { kind: "response", status: answer.status }, published: [] });
  });

  it.each([400, 500, 302])("is not looked for in a %i", async (status) => {
    const { result, published } = await deliver({ status, headers: REPLY, body: "x" });
    expect({ result, published }).toMatchObject({ result: { kind: "response", status }, published: [] });
  });
});

describe("a failed attempt is", () => {
  it.each<[sentence: string, answer: Answer, message: string]>([
    ["a reply without an id", { status: 200, headers: { ...REPLY, "ce-id": "" } }, 'attribute "id" is empty'],
    ["a reply with one attribute alone", { status: 200, headers: { "ce-type": "x" } }, "is required and missing"],
    ["a reply that is no JSON", { status: 200, headers: STRUCTURED, body: "{" }, "the JSON is malformed"],
    ["a reply without its body", { status: 200, headers: STRUCTURED }, "is no JSON object"],
    [
      "a reply in an unknown format",
      { status: 200, headers: { "content-type": "application/cloudevents+avro" } },
      "is not supported",
    ],
    [
      "a batch",
      {
        status: 200,
        headers: { "content-type": "application/cloudevents-batch+json" },
        body: `[${JSON.stringify(DOCUMENT)}]`,
      },
      "it is a batch",
    ],
    [
      "a reply that is longer than is read",
      { status: 200, headers: REPLY, body: "x".repeat(RESPONSE_BYTES_MAX + 1) },
      `longer than ${RESPONSE_BYTES_MAX} bytes`,
    ],
    [
      "a compressed reply",
      { status: 200, headers: { ...REPLY, "content-encoding": "gzip" }, body: "x" },
      "content coding",
    ],
  ])("%s", async (_sentence, answer, message) => {
    const { result, published } = await deliver(answer);
    expect(result).toEqual({ kind: "failure", error: "reply", message: expect.stringContaining(message) });
    expect(published).toEqual([]);
  });

  it("a reply with slips, where the reply topic is strict", async () => {
    const answer = { status: 200, headers: { ...REPLY, "ce-subject": "100%" } };
    expect((await deliver(answer)).result).toMatchObject({ kind: "response" });
    expect((await deliver(answer, { strict: true })).result).toMatchObject({ kind: "failure", error: "reply" });
  });

  it.each<[code: TransportErrorCode, error: string]>([
    ["unavailable", "transport"],
    ["unknown", "transport"],
    ["too_large", "reply"],
    ["invalid", "reply"],
  ])("a reply that can't be published: %s", async (code, error) => {
    const publishResult = { ok: false, error: new TransportError(code, "no room"), stored: "no" } as const;
    const { result } = await deliver({ status: 200, headers: REPLY }, { publishResult });
    expect(result).toEqual({ kind: "failure", error, message: "the reply could not be published: no room" });
  });
});

describe("loop protection", () => {
  const viaOf = ({ published: [reply] }: Outcome): string | undefined => reply && attributeOf(reply, "bridgevia");

  it("has a reply come from the topic of its request", async () => {
    expect(viaOf(await deliver({ status: 200, headers: REPLY }))).toBe("requests");
  });

  it("has it passed what its request has, even where the sink forgot it, and what the sink says", async () => {
    const event = requestEvent("a,b");
    expect(viaOf(await deliver({ status: 200, headers: REPLY }, { event }))).toBe("a,b,requests");
    const headers = { ...REPLY, "ce-bridgevia": "b,c" };
    expect(viaOf(await deliver({ status: 200, headers }, { event }))).toBe("a,b,c,requests");
  });

  it("ends a conversation of services that answer each other", async () => {
    const { result, published } = await deliver({ status: 200, headers: REPLY }, { event: requestEvent("replies") });
    expect({ result, published }).toEqual({ result: { kind: "loop" }, published: [] });
  });

  it("ends a way that is too long", async () => {
    const outcome = await deliver({ status: 200, headers: REPLY }, { event: requestEvent("a,b"), maxHops: 2 });
    expect(outcome.result).toMatchObject({ kind: "refused", reason: "loop" });
  });
});
