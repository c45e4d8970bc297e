/** From a publisher's request to a webhook's, through the real process: content, outcomes, retries, policies. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deadLetters, QUICK_RETRY, showSubscription, statusBecomes, subscribe, unique } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call, publish, publishBatch, send } from "../support/http.ts";
import { type Pulsebus, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

let bus: Pulsebus;
let url: string;

beforeAll(async () => {
  bus = await startPulsebus();
  url = bus.url;
});

afterAll(async () => {
  await bus[Symbol.asyncDispose]();
});

describe("content", () => {
  it("carries a binary event to a webhook attribute for attribute and byte for byte", async () => {
    await using sink = await startReceiver();
    const topic = unique("binary");
    const id = await subscribe(url, { topic, sink: sink.url("/hook") });
    const body = randomBytes(3_000);
    const attributes = {
      "ce-specversion": "1.0",
      "ce-id": "A-1",
      "ce-source": "/shop?x=1#y",
      "ce-type": "com.example.order.created",
      "ce-subject": "Gr%C3%B6%C3%9Fe%20%22XL%22%25",
      "ce-time": "2026-11-25T18:00:00.123456789+01:00",
      "ce-dataschema": "https://example.com/schema",
      "ce-partitionkey": "k1",
      "ce-toString": "shadow",
    };
    const headers = { ...attributes, "Content-Type": "application/vnd.example+octets; a=b" };
    const reply = await send(`${url}/topics/${topic}/events`, { method: "POST", headers, body });
    expect(reply.status).toBe(202);

    const [request] = await sink.received(1);
    expect(request?.path).toBe("/hook");
    expect(request?.body.equals(body)).toBe(true);
    expect(request?.headers).toMatchObject({
      ...Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name.toLowerCase(), value])),
      "content-type": "application/vnd.example+octets; a=b",
      "content-length": "3000",
      "pulsebus-attempt": "1",
      "pulsebus-subscription": id,
    });
    expect(request?.headers["user-agent"]).toMatch(/^Pulsebus\//i);
    const carried = Object.keys(request?.headers ?? {}).filter((name) => name.startsWith("ce-"));
    expect(carried.sort()).toEqual(
      Object.keys(attributes)
        .map((name) => name.toLowerCase())
        .sort(),
    );
  });

  const DOCUMENT = `{ "specversion" : "1.0","id":"S-1",
    "source":"/shop", "type":"com.example.s", "big":17, "data" : {"n":12345678901234567890, "x":1.50, "x":"\\u00e9"} }`;

  it.each(["structured", "binary"] as const)(
    "carries a structured event in %s format without touching its JSON",
    async (format) => {
      await using sink = await startReceiver();
      const topic = unique("structured");
      await subscribe(url, { topic, sink: sink.url(), delivery: { format } });
      const headers = { "Content-Type": "application/cloudevents+json; charset=UTF-8" };
      const reply = await send(`${url}/topics/${topic}/events`, { method: "POST", headers, body: DOCUMENT });
      expect(reply.status).toBe(202);

      const [request] = await sink.received(1);
      if (format === "structured") {
        expect(request?.headers["content-type"]).toMatch(/^application\/cloudevents\+json/);
        expect(request?.body.toString()).toBe(DOCUMENT);
      } else {
        expect(request?.headers).toMatchObject({ "ce-id": "S-1", "ce-big": "17", "content-type": "application/json" });
        expect(request?.body.toString()).toBe(`{"n":12345678901234567890, "x":1.50, "x":"\\u00e9"}`);
      }
    },
  );

  it("carries each event of a batch, and an event without data", async () => {
    await using sink = await startReceiver();
    const topic = unique("batch");
    await subscribe(url, { topic, sink: sink.url() });
    const events = Array.from({ length: 120 }, (_, n) => ({ id: `B-${n}`, data: { n } }));
    expect((await publishBatch(url, topic, events)).status).toBe(202);
    expect((await publish(url, topic, { id: "bare" })).status).toBe(202);
    await sink.received(121);
    expect(sink.ids().sort()).toEqual([...events.map(({ id }) => id), "bare"].sort());
    expect(sink.requests.find(({ id }) => id === "bare")?.body.length).toBe(0);
    expect(sink.requests.find(({ id }) => id === "B-7")?.body.toString()).toBe('{"n":7}');
  });

  it("accepts events at / for the topic default", async () => {
    await using sink = await startReceiver();
    const id = await subscribe(url, { topic: "default", sink: sink.url() });
    const headers = { "ce-specversion": "1.0", "ce-id": "root", "ce-source": "/x", "ce-type": "t" };
    expect((await send(`${url}/`, { method: "POST", headers })).status).toBe(202);
    await sink.received(1);
    expect(sink.ids()).toEqual(["root"]);
    await call(url, "DELETE", `/subscriptions/${id}`);
  });
});

describe("outcomes", () => {
  it("tries a failing webhook again with back-off, and counts its attempts", async () => {
    await using sink = await startReceiver(({ headers }) => (headers["pulsebus-attempt"] === "3" ? 204 : 503));
    const topic = unique("retry");
    const backoff = { initial: "100ms", factor: 2, max: "1s", jitter: "none" } as const;
    const id = await subscribe(url, { topic, sink: sink.url(), delivery: { retry: { backoff } } });
    await publish(url, topic, { id: "R-1" });
    const requests = await sink.received(3);
    expect(requests.map(({ headers }) => headers["pulsebus-attempt"])).toEqual(["1", "2", "3"]);
    const [first = 0, second = 0, third = 0] = requests.map(({ at }) => at);
    expect(second - first).toBeGreaterThan(95);
    expect(third - second).toBeGreaterThan(195);
    await statusBecomes(url, id, { parked: 0, delivered: 1, deadLetters: 0 });
  });

  it("gives up after the last attempt, keeps the whole story, and delivers after a redrive", async () => {
    let isBroken = true;
    await using sink = await startReceiver(() => (isBroken ? { status: 503, body: "out of order" } : 204));
    const topic = unique("exhausted");
    const retry = { ...QUICK_RETRY, maxAttempts: 3 };
    const id = await subscribe(url, { topic, sink: sink.url(), delivery: { retry } });
    await publish(url, topic, { id: "D-1", data: { keep: "me" } });
    await statusBecomes(url, id, { deadLetters: 1, parked: 0 });

    const [letter] = await deadLetters(url, id);
    expect(letter).toMatchObject({
      reason: "exhausted",
      attempts: 3,
      lastStatus: 503,
      lastResponse: "out of order",
      event: { id: "D-1", source: "/test", data: { keep: "me" } },
    });
    const story = await call<{ history: unknown[] }>(url, "GET", `/subscriptions/${id}/dead-letters/${letter?.id}`);
    expect(story.history).toHaveLength(3);

    isBroken = false;
    const job = await call(url, "POST", `/subscriptions/${id}/dead-letters/redrive`, { ids: [letter?.id] });
    expect(job).toEqual({ count: 1 });
    await sink.received(4);
    await statusBecomes(url, id, { deadLetters: 0, parked: 0 });
    expect(sink.ids()).toEqual(["D-1", "D-1", "D-1", "D-1"]);
  });

  it("rejects at once what the webhook calls wrong, and discards it when told to", async () => {
    await using sink = await startReceiver(() => 422);
    const topic = unique("rejected");
    const id = await subscribe(url, { topic, sink: sink.url() });
    await publish(url, topic, { id: "X-1" });
    await statusBecomes(url, id, { deadLetters: 1 });
    expect(await deadLetters(url, id)).toMatchObject([{ reason: "rejected", attempts: 1, lastStatus: 422 }]);
    await call(url, "POST", `/subscriptions/${id}/dead-letters/discard`, { all: true });
    await statusBecomes(url, id, { deadLetters: 0 });
    expect(sink.ids()).toEqual(["X-1"]);
  });

  it("waits as long as Retry-After says", async () => {
    await using sink = await startReceiver(({ headers }) =>
      headers["pulsebus-attempt"] === "1" ? { status: 503, headers: { "Retry-After": "1" } } : 204,
    );
    const topic = unique("retry-after");
    await subscribe(url, { topic, sink: sink.url(), delivery: { retry: QUICK_RETRY } });
    await publish(url, topic, { id: "W-1" });
    const [first, second] = await sink.received(2);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(995);
  });

  it("pauses a subscription whose webhook is gone for good", async () => {
    await using sink = await startReceiver(() => 410);
    const topic = unique("gone");
    const id = await subscribe(url, { topic, sink: sink.url() });
    await publish(url, topic, { id: "G-1" });
    const status = await statusBecomes(url, id, { state: "paused", deadLetters: 1 });
    expect(status.reason).toMatch(/410/);
  });

  it("tries again when the webhook is too slow", async () => {
    await using sink = await startReceiver(({ headers }) =>
      headers["pulsebus-attempt"] === "1" ? new Promise(() => {}) : 204,
    );
    const topic = unique("slow");
    const id = await subscribe(url, { topic, sink: sink.url(), delivery: { timeout: "200ms", retry: QUICK_RETRY } });
    await publish(url, topic, { id: "T-1" });
    await sink.received(2);
    expect((await statusBecomes(url, id, { delivered: 1 })).lastError).toMatch(/time/i);
  });
});

describe("policies", () => {
  it("keeps exactly as many attempts running as maxInFlight says", async () => {
    let running = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    await using sink = await startReceiver(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => waiting.push(resolve));
      running -= 1;
      return 204;
    });
    const topic = unique("window");
    const id = await subscribe(url, { topic, sink: sink.url(), delivery: { maxInFlight: 5 } });
    await publishBatch(
      url,
      topic,
      Array.from({ length: 40 }, (_, n) => ({ id: `I-${n}` })),
    );
    for (let done = 0; done <= 35; done++) {
      await eventually(() => expect(waiting).toHaveLength(5));
      waiting.shift()?.();
    }
    await eventually(() => expect(waiting).toHaveLength(4));
    expect((await showSubscription(url, id)).status.inFlight).toBe(4);
    for (const release of waiting) release();
    await statusBecomes(url, id, { inFlight: 0, delivered: 40 });
    expect(most).toBe(5);
  });

  it("delivers nothing while paused, and everything once resumed", async () => {
    await using sink = await startReceiver();
    const topic = unique("pause");
    const paused = await subscribe(url, { topic, sink: sink.url("/paused") });
    await subscribe(url, { topic, sink: sink.url("/marker") });
    await call(url, "POST", `/subscriptions/${paused}/pause`, { reason: "maintenance" });
    await publishBatch(url, topic, [{ id: "P-1" }, { id: "P-2" }, { id: "P-3" }]);
    await sink.received(3);
    expect((await showSubscription(url, paused)).status).toMatchObject({
      state: "paused",
      reason: "maintenance",
      backlog: 3,
    });
    expect(sink.ids("/paused")).toEqual([]);
    await call(url, "POST", `/subscriptions/${paused}/resume`);
    await sink.received(6);
    expect(sink.ids("/paused").sort()).toEqual(["P-1", "P-2", "P-3"]);
  });

  it("delivers what types, source and filters let through, and nothing else", async () => {
    await using sink = await startReceiver();
    const topic = unique("filters");
    const at = (path: string) => ({ topic, sink: sink.url(path) });
    await subscribe(url, { ...at("/types"), types: ["a.created", "a.deleted"] });
    await subscribe(url, { ...at("/source"), source: "/two" });
    await subscribe(url, {
      ...at("/filters"),
      filters: [
        { any: [{ prefix: { type: "a." } }, { suffix: { subject: ".jpg" } }] },
        { not: { exact: { source: "/two" } } },
        { all: [{ exact: { level: "high" } }] },
      ],
    });
    await subscribe(url, at("/all"));
    const level = "high";
    await publishBatch(url, topic, [
      { id: "1", type: "a.created", source: "/one", level },
      { id: "2", type: "a.updated", source: "/two", level },
      { id: "3", type: "b.created", source: "/one", subject: "x.jpg", level },
      { id: "4", type: "a.deleted", source: "/one", level: "low" },
      { id: "5", type: "A.created", source: "/one", level },
    ]);
    await sink.received(5 + 2 + 1 + 2);
    expect(sink.ids("/all").sort()).toEqual(["1", "2", "3", "4", "5"]);
    expect(sink.ids("/types").sort()).toEqual(["1", "4"]);
    expect(sink.ids("/source")).toEqual(["2"]);
    expect(sink.ids("/filters").sort()).toEqual(["1", "3"]);
  });

  it("starts at the oldest event when asked to, and otherwise misses nothing after its creation", async () => {
    await using sink = await startReceiver();
    const topic = unique("from");
    await publish(url, topic, { id: "before" });
    await subscribe(url, { topic, sink: sink.url("/earliest"), delivery: { from: "earliest" } });
    await subscribe(url, { topic, sink: sink.url("/latest") });
    await publish(url, topic, { id: "after" });
    await sink.received(3);
    expect(sink.ids("/earliest").sort()).toEqual(["after", "before"]);
    expect(sink.ids("/latest")).toEqual(["after"]);
  });

  it("forwards between topics with identity kept, and breaks a loop between them", async () => {
    await using sink = await startReceiver();
    const [a, b] = [unique("a"), unique("b")];
    await call(url, "PUT", `/topics/${a}`);
    await call(url, "PUT", `/topics/${b}`);
    await subscribe(url, { topic: a, sink: `topic:${b}` });
    const back = await subscribe(url, { topic: b, sink: `topic:${a}` });
    await subscribe(url, { topic: a, sink: sink.url("/a") });
    await subscribe(url, { topic: b, sink: sink.url("/b") });
    await publish(url, a, { id: "L-1", source: "/loop", data: { n: 1 } });
    await sink.received(2);
    await eventually(async () => {
      const { status } = await showSubscription(url, back);
      expect(status).toMatchObject({ loopDropped: 1, deadLetters: 0 });
    });
    expect(sink.requests.map(({ path }) => path).sort()).toEqual(["/a", "/b"]);
    expect(sink.requests.find(({ path }) => path === "/b")?.headers).toMatchObject({
      "ce-id": "L-1",
      "ce-source": "/loop",
    });
  });
});

describe("inspection", () => {
  it("browses a topic in pages and traces one event", async () => {
    await using sink = await startReceiver(({ id }) => (id === "E-2" ? 400 : 204));
    const topic = unique("trace");
    const id = await subscribe(url, { topic, sink: sink.url() });
    await publishBatch(url, topic, [{ id: "E-1" }, { id: "E-2" }, { id: "E-3" }]);
    await statusBecomes(url, id, { delivered: 2, deadLetters: 1 });

    const ids: string[] = [];
    for (let query: string | null = "limit=2"; query !== null; ) {
      const page: { items: { event: { id: string } }[]; next: string | null } = await call(
        url,
        "GET",
        `/topics/${topic}/events?${query}`,
      );
      ids.push(...page.items.map(({ event }) => event.id));
      query = page.next === null ? null : `limit=2&cursor=${encodeURIComponent(page.next)}`;
    }
    expect(ids).toEqual(["E-1", "E-2", "E-3"]);

    const stateOf = async (event: string) => {
      const trace = await call<{ occurrences: { deliveries: { state: string }[] }[] }>(
        url,
        "GET",
        `/topics/${topic}/trace?source=/test&id=${event}`,
      );
      return trace.occurrences.map(({ deliveries }) => deliveries.map(({ state }) => state));
    };
    expect(await stateOf("E-1")).toEqual([["delivered"]]);
    expect(await stateOf("E-2")).toEqual([["dead-lettered"]]);
    expect(await stateOf("E-4")).toEqual([]);
  });
});
