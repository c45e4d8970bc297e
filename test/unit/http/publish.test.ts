import { describe, expect, it } from "vitest";
import { PulsebusError } from "../../../src/errors.ts";
import { attributeOf } from "../../../src/event/event.ts";
import { type PublishResult, TransportError, type TransportErrorCode } from "../../../src/transport/port.ts";
import { json, send } from "../../support/http.ts";
import { startServer, startServerWithTopic } from "./test-server.ts";

const EVENT = { specversion: "1.0", id: "1", source: "/shop", type: "order.created" };
const BINARY = {
  "ce-specversion": "1.0",
  "ce-id": "1",
  "ce-source": "/shop",
  "ce-type": "order.created",
  "content-type": "text/plain",
};
const STRUCTURED = { "content-type": "application/cloudevents+json" };
const BATCH = { "content-type": "application/cloudevents-batch+json" };

interface ProblemBody {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly at?: string;
  readonly index?: number;
  readonly retryAfterSeconds?: number;
  readonly results?: readonly { readonly stored: string; readonly type?: string }[];
}

describe("a stored event", () => {
  it("is answered 202 without a body, from binary mode", async () => {
    const { url, bus } = await startServerWithTopic();
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body: "hello" });
    expect(reply).toMatchObject({ status: 202, headers: { "content-length": "0" } });
    expect(reply.body).toHaveLength(0);
    const [event] = bus.stored("orders");
    expect(event).toMatchObject({ id: "1", source: "/shop", type: "order.created" });
    expect(event?.data?.bytes.toString()).toBe("hello");
  });

  it("is answered 202 from structured mode", async () => {
    const { url, bus } = await startServerWithTopic();
    const body = JSON.stringify({ ...EVENT, data: { total: 3 } });
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: STRUCTURED, body });
    expect(reply.status).toBe(202);
    expect(bus.stored("orders")[0]?.data?.bytes.toString()).toBe('{"total":3}');
  });

  it("is answered 202 as part of a batch", async () => {
    const { url, bus } = await startServerWithTopic();
    const body = JSON.stringify([EVENT, { ...EVENT, id: "2" }]);
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BATCH, body });
    expect(reply.status).toBe(202);
    expect(bus.stored("orders").map(({ id }) => id)).toEqual(["1", "2"]);
  });

  it("reaches the topic `default` from the root address", async () => {
    const { url, bus } = await startServer();
    await bus.createTopic("default", undefined);
    expect((await send(url, { method: "POST", headers: BINARY, body: "x" })).status).toBe(202);
    expect(bus.stored("default")).toHaveLength(1);
  });

  it("creates its topic where a publish does that", async () => {
    const { url, bus } = await startServer();
    bus.topicCreation = "onPublish";
    const reply = await send(`${url}/topics/fresh/events`, { method: "POST", headers: BINARY, body: "x" });
    expect(reply.status).toBe(202);
    expect(bus.stored("fresh")).toHaveLength(1);
  });

  it("may have a percent-encoded topic in its address", async () => {
    const { url, bus } = await startServerWithTopic();
    await send(`${url}/topics/o%72ders/events`, { method: "POST", headers: BINARY, body: "x" });
    expect(bus.stored("orders")).toHaveLength(1);
  });

  it("is put together from a body that comes in pieces", async () => {
    const { url, bus } = await startServerWithTopic();
    const body = Buffer.alloc(60_000, "abc");
    await send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body });
    expect(bus.stored("orders")[0]?.data?.bytes.equals(body)).toBe(true);
  });

  it("has no data when the request has no body", async () => {
    const { url, bus } = await startServerWithTopic();
    const { "content-type": _, ...headers } = BINARY;
    await send(`${url}/topics/orders/events`, { method: "POST", headers });
    expect(bus.stored("orders")[0]?.data).toBeUndefined();
  });

  it("keeps 64 KiB of attributes, even when each byte is percent-encoded", async () => {
    const { url, bus } = await startServerWithTopic();
    const value = "ä".repeat(32_000);
    const headers = { ...BINARY, "ce-note": encodeURIComponent(value) };
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers, body: "x" });
    expect(reply.status).toBe(202);
    const [event] = bus.stored("orders");
    expect(event && attributeOf(event, "note")).toBe(value);
  });

  it("is counted, with its latency and what reading tolerated", async () => {
    const { url, bus, metrics } = await startServerWithTopic();
    const headers = { ...BINARY, "ce-subject": "50% off" };
    await send(`${url}/topics/orders/events`, { method: "POST", headers, body: "x" });
    expect(bus.topicCounters().get("orders")).toMatchObject({ published: 1, refused: {} });
    expect(Object.values(bus.topicCounters().get("orders")?.leniencies ?? {})).not.toEqual([]);
    expect(metrics.publish.seconds.snapshot().counts.reduce((a, b) => a + b)).toBe(1);
  });
});

describe("a refused request", () => {
  const refusals: readonly {
    readonly name: string;
    readonly path?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
    readonly expected: Partial<ProblemBody>;
  }[] = [
    {
      name: "an event without id",
      headers: { "ce-specversion": "1.0", "ce-source": "/s", "ce-type": "t" },
      expected: { type: "https://pulsebus.dev/problems/invalid-event", status: 400, at: "id" },
    },
    {
      name: "a body that is no CloudEvent",
      headers: { "content-type": "application/json" },
      body: "{}",
      expected: { type: "https://pulsebus.dev/problems/invalid-event", status: 400, at: "specversion" },
    },
    {
      name: "a batch with one bad event",
      headers: BATCH,
      body: JSON.stringify([EVENT, { ...EVENT, type: "" }]),
      expected: { type: "https://pulsebus.dev/problems/invalid-event", status: 400, at: "type", index: 1 },
    },
    {
      name: "an unknown event format",
      headers: { "content-type": "application/cloudevents+xml" },
      body: "<event/>",
      expected: { type: "https://pulsebus.dev/problems/unsupported-media-type", status: 415 },
    },
    {
      name: "a content coding",
      headers: { ...BINARY, "content-encoding": "gzip" },
      expected: { type: "https://pulsebus.dev/problems/unsupported-media-type", status: 415 },
    },
    {
      name: "an unknown topic",
      path: "/topics/nowhere/events",
      headers: BINARY,
      expected: { type: "https://pulsebus.dev/problems/unknown-topic", status: 404 },
    },
    {
      name: "a query parameter",
      path: "/topics/orders/events?sync=true",
      headers: BINARY,
      expected: { type: "https://pulsebus.dev/problems/invalid-request", status: 400, at: "sync" },
    },
    {
      name: "a topic that is not percent-encoded correctly",
      path: "/topics/%zz/events",
      headers: BINARY,
      expected: { type: "https://pulsebus.dev/problems/invalid-request", status: 400 },
    },
    {
      name: "a page of another origin",
      headers: { ...BINARY, origin: "https://evil.example" },
      expected: { type: "https://pulsebus.dev/problems/forbidden-origin", status: 403, at: "Origin" },
    },
  ];

  it.each(refusals)("says what is wrong with $name and stores nothing", async (refusal) => {
    const { path = "/topics/orders/events", headers = {}, body = "x", expected } = refusal;
    const { url, bus } = await startServerWithTopic();
    const reply = await send(url + path, { method: "POST", headers, body });
    expect(reply.headers["content-type"]).toBe("application/problem+json");
    expect(reply.status).toBe(expected.status);
    expect(json<ProblemBody>(reply)).toMatchObject(expected);
    expect(bus.stored("orders")).toEqual([]);
  });

  it("is counted by its code, for its topic where that is known", async () => {
    const { url, bus, metrics } = await startServerWithTopic();
    await send(`${url}/topics/orders/events`, { method: "POST", headers: STRUCTURED, body: "{}" });
    await send(`${url}/topics/nowhere/events`, { method: "POST", headers: STRUCTURED, body: "{}" });
    expect(bus.topicCounters().get("orders")?.refused).toEqual({ "invalid-event": 1 });
    expect(metrics.publish.refusedWithoutTopic).toEqual({ "unknown-topic": 1 });
  });

  it("hides an unexpected error and logs it under a reference", async () => {
    const { url, bus, log } = await startServerWithTopic();
    bus.storing = () => Promise.reject(new Error("the password is hunter2"));
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body: "x" });
    const problem = json<ProblemBody & { readonly instance: string }>(reply);
    expect(problem).toMatchObject({ status: 500, type: "https://pulsebus.dev/problems/internal" });
    expect(reply.body.toString()).not.toContain("hunter2");
    const line = log.find(({ level }) => level === "error");
    expect(line?.fields).toMatchObject({ reference: problem.instance.replace("urn:uuid:", "") });
  });

  it("accepts what strict reading refuses only where the topic is not strict", async () => {
    const { url, bus } = await startServerWithTopic();
    await bus.createTopic("exact", { strict: true });
    const request = { method: "POST", headers: { ...BINARY, "ce-subject": "50% off" }, body: "x" };
    expect((await send(`${url}/topics/orders/events`, request)).status).toBe(202);
    expect((await send(`${url}/topics/exact/events`, request)).status).toBe(400);
  });
});

describe("a transport's refusal", () => {
  const failure = (code: TransportErrorCode): PublishResult => ({
    ok: false,
    error: new TransportError(code, `the transport says ${code}`),
    stored: "no",
  });
  const answers: readonly (readonly [TransportErrorCode, number, string, string | undefined])[] = [
    ["not_found", 404, "unknown-topic", undefined],
    ["invalid", 400, "invalid-event", undefined],
    ["too_large", 413, "too-large", undefined],
    ["throttled", 429, "throttled", "1"],
    ["unavailable", 503, "unavailable", "1"],
    ["timeout", 503, "unavailable", "1"],
    ["unknown", 503, "unavailable", "1"],
    ["aborted", 503, "unavailable", "1"],
    ["permission_denied", 503, "unavailable", "1"],
    ["fenced", 503, "unavailable", "1"],
    ["closed", 503, "unavailable", "1"],
  ];

  it.each(answers)("%s is answered %i %s", async (code, status, type, retryAfter) => {
    const { url, bus } = await startServerWithTopic();
    bus.storing = () => Promise.resolve([failure(code)]);
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body: "x" });
    expect(reply.status).toBe(status);
    expect(reply.headers["retry-after"]).toBe(retryAfter);
    expect(json<ProblemBody>(reply)).toMatchObject({ type: `https://pulsebus.dev/problems/${type}` });
    expect(bus.topicCounters().get("orders")).toMatchObject({ published: 0, refused: { [type]: 1 } });
  });

  it("tells for how long to wait, in whole seconds", async () => {
    const { url, bus } = await startServerWithTopic();
    const error = new TransportError("throttled", "slow down", { retryAfterSeconds: 2.2 });
    bus.storing = () => Promise.resolve([{ ok: false, error, stored: "no" }]);
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body: "x" });
    expect(reply.headers["retry-after"]).toBe("3");
    expect(json<ProblemBody>(reply).retryAfterSeconds).toBe(3);
  });

  it.each(["unavailable", "throttled"] as const)("%s for want of room is answered 503 storage-full", async (code) => {
    const { url, bus } = await startServerWithTopic();
    const cause = new PulsebusError("storage-full", "the disk is full");
    const error = new TransportError(code, "the disk is nearly full", { retryAfterSeconds: 5, cause });
    bus.storing = () => Promise.resolve([{ ok: false, error, stored: "no" }]);
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body: "x" });
    expect(reply).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(json(reply)).toMatchObject({ type: "https://pulsebus.dev/problems/storage-full" });
  });

  it("of a part of a batch is answered with one result per event", async () => {
    const { url, bus } = await startServerWithTopic();
    bus.storing = () =>
      Promise.resolve([
        { ok: true, position: "1" },
        failure("unavailable"),
        { ok: false, error: new TransportError("timeout", "no answer in time"), stored: "unknown" },
      ]);
    const body = JSON.stringify([EVENT, EVENT, EVENT]);
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BATCH, body });
    expect(reply).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    const problem = json<ProblemBody>(reply);
    expect(problem).toMatchObject({ type: "https://pulsebus.dev/problems/partly-stored", index: 1 });
    expect(problem.results?.map(({ stored }) => stored)).toEqual(["yes", "no", "unknown"]);
    expect(bus.topicCounters().get("orders")).toMatchObject({ published: 1, refused: { unavailable: 2 } });
  });

  it("of a whole batch is answered as that refusal", async () => {
    const { url, bus } = await startServerWithTopic();
    bus.storing = () => Promise.resolve([failure("throttled"), failure("throttled")]);
    const body = JSON.stringify([EVENT, EVENT]);
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BATCH, body });
    expect(json<ProblemBody>(reply)).toMatchObject({ status: 429, type: "https://pulsebus.dev/problems/throttled" });
  });
});
