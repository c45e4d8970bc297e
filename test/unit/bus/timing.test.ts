/** Goal: events come when they ask to (`deliverytime`), and not when they are past (`expirytime`). Method: a real bus. */
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../../support/open-bus.ts";
import { startReceiver } from "../../support/receiver.ts";

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const DONE = { parked: 0, scheduled: 0, inFlight: 0, backlog: 0 };

async function until(test: TestBus, expected: object): Promise<void> {
  await eventually(async () => expect((await test.bus.subscription("s")).status).toMatchObject(expected), 20_000);
}

describe("an event with a delivery time", () => {
  it("waits for it, while others pass", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url() });
    const time = inMs(700);
    await test.publish("t", [{ id: "later", deliverytime: time }, "now"]);
    await until(test, { delivered: 1, scheduled: 1, parked: 0, backlog: 0 });
    await until(test, { delivered: 2, ...DONE });
    expect(sink.ids()).toEqual(["now", "later"]);
    const arrivedAt = performance.timeOrigin + (sink.requests[1]?.at ?? 0);
    expect(arrivedAt).toBeGreaterThanOrEqual(Date.parse(time));
    expect(sink.requests[1]?.headers["pulsebus-attempt"]).toBe("1");
    await test.close();
  });

  it("keeps it through a restart", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const first = await openTestBus({ directory: directory.path });
    await first.bus.createSubscription({ id: "s", topic: "t", sink: sink.url() });
    const time = inMs(1_500);
    await first.publish("t", [{ id: "later", deliverytime: time }]);
    await until(first, { scheduled: 1, backlog: 0 });
    await first.close();
    const second = await openTestBus({ directory: directory.path });
    await until(second, { delivered: 1, ...DONE });
    expect(performance.timeOrigin + (sink.requests[0]?.at ?? 0)).toBeGreaterThanOrEqual(Date.parse(time));
    await second.close();
  });

  it.each(["2020-01-01T00:00:00Z", "tomorrow"])("of %s is delivered at once", async (deliverytime) => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url() });
    await test.publish("t", [{ id: "a", deliverytime }]);
    await until(test, { delivered: 1, ...DONE });
    await test.close();
  });

  it("stops its subscription from receiving when too many wait", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    const delivery = { maxScheduled: 5, maxInFlight: 1 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    const time = inMs(1_200);
    await test.publish(
      "t",
      Array.from({ length: 20 }, (_, n) => ({ id: `e${n}`, deliverytime: time })),
    );
    await until(test, { scheduled: 5, state: "failing", reason: expect.stringContaining("maxScheduled") });
    await until(test, { delivered: 20, state: "active", ...DONE });
    await test.close();
  });

  it("takes its place in the order of its key when the time has come", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using sink = await startReceiver(({ id }) => (id === "a0" && !open ? 503 : 200));
    const test = await openTestBus({ directory: directory.path });
    const retry = { backoff: { initial: "50ms", max: "50ms", jitter: "none" } };
    const delivery = { ordering: "key", retry, breaker: { failures: 100_000 } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", [
      { id: "a1", partitionkey: "a", deliverytime: inMs(500) },
      { id: "a0", partitionkey: "a" },
    ]);
    await until(test, { scheduled: 0, parked: 2 });
    open = true;
    await until(test, { delivered: 2, ...DONE });
    expect(sink.ids().filter((id) => id === "a1")).toHaveLength(1);
    expect(sink.ids().at(-1)).toBe("a1");
    await test.close();
  });
});

describe("an event with an expiry time", () => {
  it("that has passed is a dead letter, without an attempt", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url() });
    await test.publish("t", [
      { id: "old", expirytime: inMs(-1_000) },
      { id: "fresh", expirytime: inMs(60_000) },
    ]);
    await until(test, { delivered: 1, deadLetters: 1, ...DONE });
    expect(sink.ids()).toEqual(["fresh"]);
    const { items } = await test.bus.deadLetters("s", {}, { cursor: undefined, limit: 10 });
    expect(items[0]).toMatchObject({ reason: "expired", attempts: 0, event: { id: "old" } });
    expect((await test.bus.snapshot())[0]?.deadLettered).toEqual({ expired: 1 });
    await test.close();
  });

  it("that passes between two attempts is a dead letter then", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(() => 503);
    const test = await openTestBus({ directory: directory.path });
    const retry = { backoff: { initial: "300ms", max: "300ms", jitter: "none" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery: { retry } });
    await test.publish("t", [{ id: "a", expirytime: inMs(400) }]);
    await until(test, { deadLetters: 1, ...DONE });
    const { items } = await test.bus.deadLetters("s", { reason: "expired" }, { cursor: undefined, limit: 10 });
    expect(items[0]?.attempts).toBeGreaterThan(0);
    await test.close();
  });
});
