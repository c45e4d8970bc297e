/**
 * Goal: events come in requests as large as the policy says, and what the receiver could not take is told apart from what
 * it took. Method: a real bus with a real receiver that reads batches with the `cloudevents` package.
 */
import { HTTP } from "cloudevents";
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../../support/open-bus.ts";
import { type ReceivedRequest, startReceiver } from "../../support/receiver.ts";

const RETRY = { backoff: { initial: "10ms", max: "20ms", jitter: "none" } };
const DONE = { parked: 0, inFlight: 0, backlog: 0 };
const BATCH = { format: "batch", retry: RETRY, breaker: { failures: 100_000 } } as const;

const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `e${n}`);

function idsIn({ headers, body }: ReceivedRequest): string[] {
  const events = [HTTP.toEvent({ headers, body: body.toString() })].flat();
  return events.map(({ id }) => id);
}

async function until(test: TestBus, expected: object): Promise<void> {
  await eventually(async () => expect((await test.bus.subscription("s")).status).toMatchObject(expected), 20_000);
}

describe("a subscription with batches", () => {
  it("gets full ones as they fill, and the rest after its wait", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...BATCH, batch: { maxEvents: 10, maxWait: "200ms" }, maxInFlight: 1 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(25));
    await until(test, { delivered: 25, ...DONE });
    expect(sink.requests.map((request) => idsIn(request).length)).toEqual([10, 10, 5]);
    expect(sink.requests[0]?.headers["content-type"]).toMatch("application/cloudevents-batch+json");
    expect(sink.requests.flatMap(idsIn)).toEqual(numbered(25));
    await test.close();
  });

  it("gets requests no larger than it says, but for a single event", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...BATCH, batch: { maxBytes: 1_000, maxWait: "20ms" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    const note = "x".repeat(300);
    await test.publish(
      "t",
      numbered(9).map((id) => ({ id, note: id === "e4" ? "y".repeat(3_000) : note })),
    );
    await until(test, { delivered: 9, ...DONE });
    const sizes = sink.requests.map((request) => idsIn(request));
    expect(sizes.flat().sort()).toEqual(numbered(9));
    for (const ids of sizes) expect(ids.includes("e4") ? ids.length : 1).toBe(1);
    expect(Math.max(...sizes.map(({ length }) => length))).toBe(2);
    await test.close();
  });

  it("tries only those again that its answer lists as failed", async () => {
    await using directory = await temporaryDirectory();
    let isFirst = true;
    await using sink = await startReceiver(() => {
      if (!isFirst) return 200;
      isFirst = false;
      const results = [
        { index: 1, status: 503 },
        { index: 3, status: 400 },
      ];
      return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify({ results }) };
    });
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...BATCH, batch: { maxEvents: 5, maxWait: "1m" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(5));
    await until(test, { delivered: 4, deadLetters: 1, ...DONE });
    expect(sink.requests.map(idsIn)).toEqual([numbered(5), ["e1"]]);
    await test.close();
  });

  it.each(['{"results": [{"index": 9, "status": 503}]}', '{"results": 3}', "{"])(
    "tries all again when the results are %s",
    async (body) => {
      await using directory = await temporaryDirectory();
      let isFirst = true;
      await using sink = await startReceiver(() => {
        if (!isFirst) return 200;
        isFirst = false;
        return { status: 200, headers: { "content-type": "application/json" }, body };
      });
      const test = await openTestBus({ directory: directory.path });
      const delivery = { ...BATCH, batch: { maxEvents: 2, maxWait: "50ms" } };
      await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
      await test.publish("t", numbered(2));
      await until(test, { delivered: 2, ...DONE });
      expect(sink.requests.flatMap(idsIn).sort()).toEqual(["e0", "e0", "e1", "e1"]);
      await test.close();
    },
  );

  it.each([400, 413])("finds the one event that is refused with %i, and delivers the others", async (refusal) => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver((request) => (idsIn(request).includes("e5") ? refusal : 200));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...BATCH, batch: { maxEvents: 8, maxWait: "1m" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(8));
    await until(test, { delivered: 7, deadLetters: 1, ...DONE });
    expect(sink.requests.map((request) => idsIn(request).length)).toEqual([8, 4, 4, 2, 1, 1, 2]);
    const { items } = await test.bus.deadLetters("s", {}, { cursor: undefined, limit: 10 });
    expect(items[0]).toMatchObject({ reason: "rejected", lastStatus: refusal, event: { id: "e5" } });
    await test.close();
  });

  it("is not asked forever when it is too slow to be halved", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(() => new Promise<number>((resolve) => setTimeout(() => resolve(413), 150)));
    const test = await openTestBus({ directory: directory.path });
    const retry = { ...RETRY, maxAttempts: 2 };
    const delivery = { ...BATCH, timeout: "200ms", retry, batch: { maxEvents: 8, maxWait: "20ms" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(8));
    await until(test, { delivered: 0, deadLetters: 8, ...DONE });
    await test.close();
  });

  it("tries a batch that fails as a whole again, in batches", async () => {
    await using directory = await temporaryDirectory();
    let failures = 2;
    await using sink = await startReceiver(() => {
      failures -= 1;
      return failures >= 0 ? 503 : 200;
    });
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...BATCH, batch: { maxEvents: 20, maxWait: "50ms" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(20));
    await until(test, { delivered: 20, deadLetters: 0, ...DONE });
    expect(sink.requests.length).toBeLessThan(12);
    await test.close();
  });

  it("keeps the order of keys, one event of a key in a batch", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...BATCH, ordering: "key", batch: { maxEvents: 10, maxWait: "20ms" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    const events = numbered(12).map((id, n) => ({ id, partitionkey: String(n % 3) }));
    await test.publish("t", events);
    await until(test, { delivered: 12, ...DONE });
    for (const request of sink.requests) expect(idsIn(request).length).toBeLessThanOrEqual(3);
    for (const key of ["0", "1", "2"]) {
      const ofKey = events.filter(({ partitionkey }) => partitionkey === key).map(({ id }) => id);
      expect(sink.requests.flatMap(idsIn).filter((id) => ofKey.includes(id))).toEqual(ofKey);
    }
    await test.close();
  });
});

it("settings of a batch are refused where the format is another", async () => {
  await using directory = await temporaryDirectory();
  const test = await openTestBus({ directory: directory.path });
  const input = { topic: "t", sink: "http://127.0.0.1:1/", delivery: { batch: { maxEvents: 5 } } };
  await expect(test.bus.createSubscription(input)).rejects.toMatchObject({
    code: "invalid-request",
    at: "/delivery/batch",
  });
  await test.close();
});
