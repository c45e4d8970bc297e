import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openEgress } from "../../../src/egress/egress.ts";
import type { Attribute, Data, Event } from "../../../src/event/event.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Delivery, Sink } from "../../../src/sink/port.ts";
import { openWebhookSink } from "../../../src/sink/webhook.ts";
import type { WebhookCounters } from "../../../src/sink/webhook-client.ts";
import { resolveSubscription } from "../../../src/subscription/resolve.ts";
import type { DeliveryInput, Subscription } from "../../../src/subscription/subscription.ts";
import { startHttpServer, type TestServer, unusedPort } from "../../support/servers.ts";

const NEVER = new AbortController().signal;

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Receiver {
  readonly server: TestServer;
  readonly received: Received[];
}

/** A webhook that keeps what it gets. */
async function startReceiver(
  answer: (response: ServerResponse) => void = (response) => response.end(),
): Promise<Receiver> {
  const received: Received[] = [];
  const server = await startHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  });
  return { server, received };
}

function subscriptionTo(url: string, delivery: DeliveryInput = {}): Subscription {
  const input = { id: "billing", topic: "orders", sink: url, delivery };
  return resolveSubscription(input, { id: () => "unused" });
}

function open(url: string, delivery?: DeliveryInput, counters: WebhookCounters = { retryAfterIgnored: 0 }): Sink {
  return openFor(subscriptionTo(url, delivery), url, counters);
}

function openFor(subscription: Subscription, url: string, counters: WebhookCounters = { retryAfterIgnored: 0 }): Sink {
  const egress = openEgress({ allow: ["127.0.0.0/8"] });
  onTestFinished(() => egress.close());
  return openWebhookSink({
    url,
    subscription,
    egress,
    clock: systemClock,
    version: "1.2.3",
    counters,
    wantsReply: false,
  });
}

function event(extra: readonly Attribute[] = [], data?: Data): Event {
  const attributes: readonly Attribute[] = [
    { name: "id", type: "string", value: "A-1" },
    { name: "source", type: "uri-reference", value: "/shop/ä" },
    { name: "type", type: "string", value: "com.example.created" },
    ...extra,
  ];
  return { id: "A-1", source: "/shop/ä", type: "com.example.created", attributes, data, structured: undefined };
}

function string(name: string, value: string): Attribute {
  return { name, type: "string", value };
}

const JSON_DATA: Data = { kind: "json", bytes: Buffer.from('{"n":1}') };

function deliver(sink: Sink, of: Event, attempt = 1) {
  const delivery: Delivery = { id: "d", event: of, attempt };
  return sink.deliver([delivery], NEVER).then(([result]) => result);
}

describe("the request", () => {
  it("carries a binary event in headers and body", async () => {
    const { server, received } = await startReceiver();
    const sink = open(`${server.origin}/hook?tenant=7`);
    await deliver(sink, event([string("datacontenttype", "application/json"), string("tenant", "a b")], JSON_DATA));
    expect(received).toMatchObject([
      {
        method: "POST",
        url: "/hook?tenant=7",
        body: '{"n":1}',
        headers: {
          "ce-specversion": "1.0",
          "ce-id": "A-1",
          "ce-source": "/shop/%C3%A4",
          "ce-type": "com.example.created",
          "ce-tenant": "a%20b",
          "content-type": "application/json",
          "content-length": "7",
        },
      },
    ]);
  });

  it("carries a structured event as one document", async () => {
    const { server, received } = await startReceiver();
    await deliver(open(server.origin, { format: "structured" }), event([], JSON_DATA));
    expect(received).toMatchObject([
      { headers: { "content-type": expect.stringMatching(/^application\/cloudevents\+json/) } },
    ]);
    expect(received[0]?.headers).not.toHaveProperty("ce-id");
    expect(JSON.parse(received[0]?.body ?? "")).toMatchObject({ specversion: "1.0", id: "A-1", data: { n: 1 } });
  });

  it("has an empty body for an event without data", async () => {
    const { server, received } = await startReceiver();
    await deliver(open(server.origin), event());
    expect(received).toMatchObject([{ body: "", headers: { "content-length": "0" } }]);
    expect(received[0]?.headers).not.toHaveProperty("content-type");
  });

  it("says who sends it, for which subscription, and which attempt it is", async () => {
    const { server, received } = await startReceiver();
    await deliver(open(server.origin), event(), 7);
    expect(received).toMatchObject([
      { headers: { "user-agent": "Pulsebus/1.2.3", "pulsebus-subscription": "billing", "pulsebus-attempt": "7" } },
    ]);
  });

  it("has the subscription's own headers", async () => {
    const { server, received } = await startReceiver();
    await deliver(open(server.origin, { headers: { Authorization: "Bearer t", "X-Tenant": "7" } }), event());
    expect(received).toMatchObject([{ headers: { authorization: "Bearer t", "x-tenant": "7" } }]);
  });

  it("passes the event's trace context on, and leaves its attributes alone", async () => {
    const { server, received } = await startReceiver();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const traced = event([string("traceparent", traceparent), string("tracestate", "vendor=1")]);
    await deliver(open(server.origin), traced);
    expect(received).toMatchObject([
      { headers: { traceparent, tracestate: "vendor=1", "ce-traceparent": traceparent, "ce-tracestate": "vendor=1" } },
    ]);
  });

  it.each([
    ["without one", []],
    ["with one that is none", [string("traceparent", "00-xyz")]],
    ["with a state only", [string("tracestate", "vendor=1")]],
  ])("has no trace context for an event %s", async (_which, extra) => {
    const { server, received } = await startReceiver();
    await deliver(open(server.origin), event(extra));
    expect(received[0]?.headers).not.toHaveProperty("traceparent");
    expect(received[0]?.headers).not.toHaveProperty("tracestate");
  });

  it("is refused for good when a header would break it, and never sent", async () => {
    const { server, received } = await startReceiver();
    const subscription = subscriptionTo(server.origin);
    const policy = { ...subscription.policy, headers: { "x-a": "1\r\nx-injected: 2" } };
    const result = await deliver(openFor({ ...subscription, policy }, server.origin), event());
    expect(result).toMatchObject({ kind: "refused", reason: "rejected", message: expect.stringMatching(/x-a/) });
    expect(received).toEqual([]);
  });
});

describe("the result", () => {
  it.each([200, 204, 302, 404, 410, 500])("of an answer %i is that answer", async (status) => {
    const { server } = await startReceiver((response) => response.writeHead(status).end());
    const result = await deliver(open(server.origin), event());
    expect(result).toEqual({ kind: "response", status, retryAfterMs: undefined, excerpt: "" });
  });

  it("holds the beginning of a refusal", async () => {
    const { server } = await startReceiver((response) => response.writeHead(422).end("no such order"));
    expect(await deliver(open(server.origin), event())).toMatchObject({ status: 422, excerpt: "no such order" });
  });

  it("holds the wait that the sink asks for", async () => {
    const { server } = await startReceiver((response) => response.writeHead(503, { "retry-after": "9" }).end());
    expect(await deliver(open(server.origin), event())).toMatchObject({ status: 503, retryAfterMs: 9_000 });
  });

  it("counts and ignores a wait that is none", async () => {
    const { server } = await startReceiver((response) => response.writeHead(503, { "retry-after": "later" }).end());
    const counters = { retryAfterIgnored: 0 };
    const result = await deliver(open(server.origin, {}, counters), event());
    expect(result).toMatchObject({ status: 503, retryAfterMs: undefined });
    expect(counters).toEqual({ retryAfterIgnored: 1 });
  });

  it("of no connection is a failure", async () => {
    const result = await deliver(open(`http://127.0.0.1:${await unusedPort()}/`), event());
    expect(result).toMatchObject({ kind: "failure", error: "connection" });
  });

  it("of no answer in time is a failure", async () => {
    const { server } = await startReceiver(() => {});
    const result = await deliver(open(server.origin, { timeout: "100ms" }), event());
    expect(result).toMatchObject({ kind: "failure", error: "timeout" });
  });

  it("of a forbidden address is a failure that names the setting", async () => {
    const result = await deliver(open("http://10.0.0.1/"), event());
    expect(result).toMatchObject({
      kind: "failure",
      error: "egress-refused",
      message: expect.stringMatching(/egress/),
    });
  });

  it("is one for each delivery, by index", async () => {
    let count = 0;
    const { server } = await startReceiver((response) => response.writeHead(200 + (count++ % 2)).end());
    const deliveries = Array.from({ length: 10 }, (_, index) => ({ id: `${index}`, event: event(), attempt: 1 }));
    const results = await open(server.origin).deliver(deliveries, NEVER);
    expect(results.map((result) => result.kind)).toEqual(deliveries.map(() => "response"));
    expect(await open(server.origin).deliver([], NEVER)).toEqual([]);
  });

  it("is `aborted` when the signal says so", async () => {
    const { server, received } = await startReceiver(() => {});
    const abort = new AbortController();
    const pending = open(server.origin).deliver([{ id: "d", event: event(), attempt: 1 }], abort.signal);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    abort.abort();
    expect(await pending).toEqual([{ kind: "aborted" }]);
  });

  it("is `aborted` when the sink is closed, and from then on", async () => {
    const { server, received } = await startReceiver(() => {});
    const sink = open(server.origin);
    const pending = deliver(sink, event());
    await vi.waitFor(() => expect(received).toHaveLength(1));
    await sink.close();
    expect(await pending).toEqual({ kind: "aborted" });
    expect(await deliver(sink, event())).toEqual({ kind: "aborted" });
  });
});
