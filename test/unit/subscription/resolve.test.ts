import { describe, expect, it } from "vitest";
import type { Event } from "../../../src/event/event.ts";
import { resolveSubscription } from "../../../src/subscription/resolve.ts";
import type { DeliveryInput, SubscriptionInput } from "../../../src/subscription/subscription.ts";

const MINIMAL: SubscriptionInput = { topic: "orders", sink: "https://sink.example/events" };

const resolve = (input: Partial<SubscriptionInput> = {}, at?: string) =>
  resolveSubscription({ ...MINIMAL, ...input }, { id: () => "made-id", ...(at === undefined ? {} : { at }) });
const resolvePolicy = (delivery: DeliveryInput) => resolve({ delivery }).policy;

function event(type: string, source = "/shop"): Event {
  return { id: "1", source, type, attributes: [], data: undefined, structured: undefined };
}

describe("a subscription that says only topic and sink", () => {
  it("gets an id, and shows what was written with it", () => {
    expect(resolve()).toMatchObject({ id: "made-id", topic: "orders", input: { ...MINIMAL, id: "made-id" } });
    expect(resolve({ id: "billing" }).id).toBe("billing");
  });

  it("has the default policy", () => {
    const { retry, ...policy } = resolve().policy;
    expect(policy).toEqual({
      format: "binary",
      batch: undefined,
      ordering: undefined,
      rateLimit: undefined,
      breaker: { failures: 20, maxPauseMs: 5_000 },
      weight: 1,
      maxScheduled: 1_000_000,
      maxInFlight: 64,
      timeoutMs: 15_000,
      headers: {},
      deadLetterSink: undefined,
      from: "latest",
      maxParked: 10_000,
      maxDeadLetters: 100_000,
    });
    expect(retry).toMatchObject({
      maxAttempts: 200,
      maxAgeMs: 86_400_000,
      backoff: { initialMs: 1_000, factor: 2, maxMs: 900_000, jitter: "full" },
    });
  });

  it("does not expire", () => {
    expect(resolve().expiresAt).toBeUndefined();
  });

  it("matches every event", () => {
    const { matcher } = resolve();
    expect(matcher).toMatchObject({ types: undefined, source: undefined });
    expect(matcher.matches(event("a"))).toBe(true);
  });
});

describe("a policy", () => {
  it("keeps the defaults of what it leaves out", () => {
    const { retry, timeoutMs } = resolvePolicy({ timeout: "250ms", retry: { backoff: { initial: "10ms" } } });
    expect(timeoutMs).toBe(250);
    expect(retry).toMatchObject({
      maxAttempts: 200,
      backoff: { initialMs: 10, factor: 2, maxMs: 900_000, jitter: "full" },
    });
  });

  it.each<[delivery: DeliveryInput, message: string]>([
    [{ timeout: "0s" }, "delivery.timeout: must be from 1ms to 10m"],
    [{ timeout: "11m" }, "delivery.timeout: must be from 1ms to 10m"],
    [{ timeout: "15 s" }, 'delivery.timeout: "15 s" is not a duration'],
    [{ retry: { maxAge: "91d" } }, "delivery.retry.maxAge: must be from 1ms to 90d"],
    [{ retry: { backoff: { initial: "0ms" } } }, "delivery.retry.backoff.initial: must be from 1ms to 1d"],
    [{ retry: { backoff: { max: "25h" } } }, "delivery.retry.backoff.max: must be from 1ms to 1d"],
  ])("%j is out of bounds", (delivery, message) => {
    expect(() => resolvePolicy(delivery)).toThrow(expect.objectContaining({ code: "invalid-request" }));
    expect(() => resolvePolicy(delivery)).toThrow(message);
  });
});

describe("the matcher", () => {
  it("wants one of the types, the source and all filters", () => {
    const { matcher } = resolve({
      types: ["a.created", "b.created", "a.created"],
      source: "/shop",
      filters: [{ prefix: { type: "a." } }],
    });
    expect(matcher).toMatchObject({ types: ["a.created", "b.created"], source: "/shop" });
    expect(matcher.matches(event("a.created"))).toBe(true);
    expect(matcher.matches(event("b.created"))).toBe(false);
    expect(matcher.matches(event("a.deleted"))).toBe(false);
    expect(matcher.matches(event("a.created", "/shop/eu"))).toBe(false);
  });

  it("tells where a filter is at fault, seen from the document around the subscription", () => {
    expect(() => resolve({ filters: [{ exact: { Type: "a" } }] }, "/subscriptions/billing")).toThrow(
      expect.objectContaining({ at: "/subscriptions/billing/filters/0/exact/Type" }),
    );
  });
});

describe("sinks", () => {
  it.each([
    ["https://sink.example/events?a=b", { kind: "webhook", url: "https://sink.example/events?a=b" }],
    ["http://127.0.0.1:9000", { kind: "webhook", url: "http://127.0.0.1:9000/" }],
    ["HTTPS://Sink.example/A", { kind: "webhook", url: "https://sink.example/A" }],
    ["topic:audit", { kind: "topic", topic: "audit" }],
  ])("%s is one", (sink, address) => {
    expect(resolve({ sink }).sink).toEqual(address);
    expect(resolvePolicy({ deadLetter: { sink } }).deadLetterSink).toEqual(address);
  });

  it.each([
    ["sink.example/events", "invalid-request", "is not a sink: write an http:// or https:// URL, topic:NAME or pull:"],
    ["/events", "invalid-request", "is not a sink"],
    ["ftp://sink.example", "invalid-request", "is not a sink"],
    ["https:sink.example", "invalid-request", "is not a sink"],
    ["https://", "invalid-request", "is not a sink"],
    [" https://sink.example", "invalid-request", "is not a sink"],
    ["https://user:hush@sink.example", "invalid-request", "must not have credentials"],
    ["https://user@sink.example", "invalid-request", "must not have credentials"],
    ["https://sink.example/#part", "invalid-request", "must not have a fragment"],
    ["https://sink.example/#", "invalid-request", "must not have a fragment"],
    [`https://sink.example/${"a".repeat(2_048)}`, "invalid-request", "may have 2048 characters"],
    ["topic:", "invalid-request", '"" is not a topic\'s name'],
    ["topic:a b", "invalid-request", '"a b" is not a topic\'s name'],
    ["topic:pulsebus.ops", "invalid-request", 'names that start with "pulsebus." are reserved'],
    ["pull:here", "invalid-request", "is not a sink"],
  ])("%s is refused", (sink, code, message) => {
    expect(() => resolve({ sink })).toThrow(
      expect.objectContaining({ code, at: "/sink", message: expect.stringContaining(message) }),
    );
    expect(() => resolvePolicy({ deadLetter: { sink } })).toThrow(
      expect.objectContaining({ code, at: "/delivery/deadLetter/sink" }),
    );
  });

  it("with a password are refused without repeating it", () => {
    expect(() => resolve({ sink: "https://user:hush@sink.example" })).not.toThrow("hush");
  });
});

describe("names", () => {
  it.each(["a", "A.b_c-9", "...", "a".repeat(255)])("%s is one, of a topic and of a subscription", (name) => {
    expect(resolve({ id: name, topic: name })).toMatchObject({ id: name, topic: name });
  });

  it.each(["", ".", "..", "a/b", "a b", "ä", "a\n", "a".repeat(256)])("%j is none", (name) => {
    expect(() => resolve({ id: name })).toThrow(expect.objectContaining({ code: "invalid-request", at: "/id" }));
    expect(() => resolve({ topic: name })).toThrow(expect.objectContaining({ code: "invalid-request", at: "/topic" }));
  });

  it("of reserved topics can't be subscribed to, but for the one with the bus's own events", () => {
    expect(resolve({ topic: "pulsebus.ops" }).topic).toBe("pulsebus.ops");
    expect(() => resolve({ topic: "pulsebus.other" })).toThrow("are reserved");
  });
});

describe("headers", () => {
  it("are kept with lower-case names", () => {
    expect(resolvePolicy({ headers: { Authorization: "Bearer x", "X-Tenant": "é" } }).headers).toEqual({
      authorization: "Bearer x",
      "x-tenant": "é",
    });
  });

  it.each([
    ...["Host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "expect", "keep-alive"],
    ...["proxy-authorization", "proxy-connection", "trailer", "Content-Type", "content-encoding", "accept-encoding"],
    ...["user-agent", "webhook-id", "Webhook-Signature", "ce-id", "CE-Type", "traceparent", "tracestate"],
    ...["pulsebus-attempt"],
  ])("can't replace %s, which the bus sets", (name) => {
    expect(() => resolvePolicy({ headers: { [name]: "a" } })).toThrow(
      expect.objectContaining({ code: "invalid-request", at: `/delivery/headers/${name}` }),
    );
  });

  it.each(["", "a b", "a:", "ä", "a\r\nb", "a\0"])("can't have the name %j", (name) => {
    expect(() => resolvePolicy({ headers: { [name]: "a" } })).toThrow("is not a header's name");
  });

  it.each(["a\r\nevil: 1", "a\nb", "a\0", "\u007f", "€"])(
    "can't have the value %j, and it is not repeated",
    (value) => {
      expect(() => resolvePolicy({ headers: { "x-a": value } })).toThrow(
        new RegExp(/^delivery\.headers\.x-a: has a control character or one outside Latin-1$/),
      );
    },
  );

  it("can't be set twice in different case", () => {
    expect(() => resolvePolicy({ headers: { "x-a": "1", "X-A": "2" } })).toThrow("is set twice");
  });

  it("are bounded in number and size", () => {
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`x-${index}`, "a"]));
    expect(() => resolvePolicy({ headers: many })).toThrow("at most 32 headers");
    expect(() => resolvePolicy({ headers: { "x-a": "a".repeat(4_096) } })).toThrow("4096 bytes together");
  });
});

describe("expires", () => {
  it.each([
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31t12:00:00.5+01:00", "2026-01-31T11:00:00.500Z"],
    ["2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"],
  ])("reads %s", (expires, time) => {
    expect(resolve({ expires }).expiresAt).toBe(Date.parse(time));
  });

  it.each(["tomorrow", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z"])("refuses %s", (expires) => {
    expect(() => resolve({ expires })).toThrow(expect.objectContaining({ code: "invalid-request", at: "/expires" }));
  });
});

describe("replies", () => {
  const sink = "https://sink.example/";

  it("go to a topic", () => {
    expect(resolve({ sink, replies: { topic: "answers" } }).replyTopic).toBe("answers");
    expect(resolve({ sink }).replyTopic).toBeUndefined();
  });

  it.each<[change: object, at: string, message: string]>([
    [{ sink: "topic:b" }, "/replies", "only a webhook answers"],
    [{ replies: { topic: "orders" } }, "/replies/topic", "must be another topic than the one that is subscribed to"],
    [{ replies: { topic: "pulsebus.ops" } }, "/replies/topic", "are reserved"],
    [{ delivery: { format: "batch" } }, "/replies", "one answer to a batch can't be told apart"],
  ])("changed by %j are refused", (change, at, message) => {
    expect(() => resolve({ topic: "orders", sink, replies: { topic: "answers" }, ...change })).toThrow(
      expect.objectContaining({ code: "invalid-request", at, message: expect.stringContaining(message) }),
    );
  });
});
