/**
 * Goal: the engine keeps its one rule (ack only what was delivered or has a durable row) through restarts and a failing
 * store, and its bounds and states are as documented. Method: a real bus on real files with real webhooks; the store is
 * wrapped where a test makes it fail.
 */
import { describe, expect, it } from "vitest";
import type { Store } from "../../../src/store/port.ts";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../../support/open-bus.ts";
import { startReceiver } from "../../support/receiver.ts";

const NEVER_OPEN = { failures: 100_000 };
const QUICK = { backoff: { initial: "20ms", max: "50ms", jitter: "none" } };

function status(test: TestBus, id: string) {
  return test.bus.subscription(id).then((view) => view.status);
}

async function until(test: TestBus, id: string, expected: object): Promise<void> {
  await eventually(async () => expect(await status(test, id)).toMatchObject(expected));
}

const numbered = (count: number, prefix = "e"): string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** Lets the chosen store calls fail `times` times each. */
function failing(store: Store, method: "park" | "complete" | "deadLetter" | "reschedule", times: number): Store {
  let left = times;
  return new Proxy(store, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (name !== method || typeof value !== "function")
        return typeof value === "function" ? value.bind(target) : value;
      return (...args: unknown[]) => {
        left -= 1;
        return left >= 0 ? Promise.reject(new Error("planted")) : value.apply(target, args);
      };
    },
  });
}

/** The same store, with some of its calls answered by the test. */
function overriding(store: Store, overrides: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(overrides, name) ?? Reflect.get(target, name, receiver);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("a delivery that fails", () => {
  it("is parked, tried again, and its row goes when it is delivered", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(({ headers }) => (headers["pulsebus-attempt"] === "3" ? 200 : 500));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { retry: QUICK, breaker: NEVER_OPEN };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(20));
    await until(test, "s", { delivered: 20, parked: 0, inFlight: 0, backlog: 0 });
    expect(sink.requests).toHaveLength(60);
    expect(await test.store.counts("s")).toMatchObject({ parked: 0, deadLetters: 0 });
    await test.close();
  });

  it.each(["park", "complete", "reschedule", "deadLetter"] as const)(
    "is not lost, and not acked early, while the store fails in %s",
    async (method) => {
      await using directory = await temporaryDirectory();
      await using sink = await startReceiver(({ id, headers }) =>
        id === "dead" ? 400 : headers["pulsebus-attempt"] === "3" ? 200 : 500,
      );
      const test = await openTestBus({
        directory: directory.path,
        wrapStore: (store) => failing(store, method, 2),
      });
      await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery: { retry: QUICK } });
      await test.publish("t", ["a", "dead"]);
      await until(test, "s", { delivered: 1, deadLetters: 1, parked: 0, backlog: 0, inFlight: 0, state: "active" });
      await test.close();
    },
  );

  it("shows a failing store as the reason of a failing subscription, and recovers", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(({ headers }) => (headers["pulsebus-attempt"] === "1" ? 500 : 200));
    const test = await openTestBus({ directory: directory.path, wrapStore: (store) => failing(store, "park", 3) });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery: { retry: QUICK } });
    await test.publish("t", ["a"]);
    await until(test, "s", { state: "failing", reason: expect.stringContaining("planted") });
    await until(test, "s", { state: "active", reason: undefined, delivered: 1 });
    await test.close();
  });
});

describe("a restart", () => {
  it("repeats no delivery whose row was written, and delivers every event that was not", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using sink = await startReceiver(() => (open ? 200 : 503));
    const slow = { backoff: { initial: "150ms", max: "150ms", jitter: "none" } };
    const first = await openTestBus({ directory: directory.path });
    await first.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery: { retry: slow } });
    await first.publish("t", numbered(200));
    await eventually(async () => expect((await status(first, "s")).parked).toBeGreaterThan(50));
    await first.close(0);
    open = true;
    const second = await openTestBus({ directory: directory.path });
    await until(second, "s", { parked: 0, backlog: 0, inFlight: 0 });
    expect((await status(second, "s")).delivered).toBe(200);
    await second.close();
  });

  it("delivers once what has a row and is in the log too, when the row is delivered first", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using sink = await startReceiver(() => (open ? 200 : 503));
    // The row is written, and nobody hears of it: the event stays unacked.
    const losingAnswers = (store: Store): Store =>
      overriding(store, {
        park: async (rows) => {
          await store.park(rows);
          throw new Error("planted");
        },
      });
    const first = await openTestBus({ directory: directory.path, wrapStore: losingAnswers });
    // At its bound it receives nothing before the row has gone.
    const delivery = { retry: QUICK, maxParked: 1 };
    await first.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await first.publish("t", ["a"]);
    await eventually(async () => expect((await first.store.counts("s")).parked).toBe(1));
    await first.close(0);

    open = true;
    const second = await openTestBus({ directory: directory.path });
    await second.publish("t", ["b"]);
    await until(second, "s", { parked: 0, backlog: 0, inFlight: 0, delivered: 2 });
    await second.close();
    expect(sink.ids()).toEqual(["a", "a", "b"]);
  });

  it("does not count an attempt that it cut off", async () => {
    await using directory = await temporaryDirectory();
    let hang = true;
    await using sink = await startReceiver(() => (hang ? new Promise(() => undefined) : 200));
    const first = await openTestBus({ directory: directory.path });
    await first.bus.createSubscription({
      id: "s",
      topic: "t",
      sink: sink.url(),
      delivery: { retry: { maxAttempts: 1 } },
    });
    await first.publish("t", ["a"]);
    await sink.received(1);
    await first.close(50);
    hang = false;
    const second = await openTestBus({ directory: directory.path });
    await until(second, "s", { delivered: 1, deadLetters: 0, parked: 0 });
    expect(sink.requests.at(-1)?.headers["pulsebus-attempt"]).toBe("1");
    await second.close();
  });

  it("refuses the data of a bus of another name", async () => {
    await using directory = await temporaryDirectory();
    await (await openTestBus({ directory: directory.path, yaml: "bus: { id: one }" })).close();
    await expect(openTestBus({ directory: directory.path, yaml: "bus: { id: two }" })).rejects.toThrow(
      /belongs to bus "one"/,
    );
  });
});

describe("the bounds", () => {
  it("stop receiving at maxParked, keep the rest in the log, and deliver all once the sink is back", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using sink = await startReceiver(() => (open ? 200 : 500));
    const test = await openTestBus({ directory: directory.path });
    const retry = { backoff: { initial: "300ms", jitter: "none" } };
    const delivery = { maxParked: 30, maxInFlight: 10, retry, breaker: NEVER_OPEN };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(200));
    await until(test, "s", { state: "failing", reason: expect.stringContaining("maxParked") });
    const { parked, backlog } = await status(test, "s");
    expect(parked).toBeLessThanOrEqual(40);
    expect(backlog).toBeGreaterThanOrEqual(160);
    open = true;
    await until(test, "s", { delivered: 200, parked: 0, backlog: 0, state: "active" });
    await test.close();
  });

  it("stop receiving at maxDeadLetters until some are discarded", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(() => 400);
    const test = await openTestBus({ directory: directory.path });
    const delivery = { maxDeadLetters: 5, maxInFlight: 1 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(12));
    await until(test, "s", { deadLetters: 5, state: "failing", reason: expect.stringContaining("maxDeadLetters") });
    expect(await test.bus.discard("s", { all: true })).toEqual({ count: 5 });
    await until(test, "s", { deadLetters: 5, backlog: 2 });
    await test.bus.discard("s", { all: true });
    await until(test, "s", { deadLetters: 2, backlog: 0 });
    await test.close();
  });

  it("let a single slot serve both new events and due retries", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(({ id, headers }) =>
      id?.startsWith("bad") && headers["pulsebus-attempt"] !== "4" ? 500 : 200,
    );
    const test = await openTestBus({ directory: directory.path });
    const delivery = { maxInFlight: 1, retry: QUICK };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", [...numbered(5, "bad"), ...numbered(50, "good")]);
    await until(test, "s", { delivered: 55, parked: 0 });
    await test.close();
  });

  it("let a single slot serve retries that fall due together while nothing new comes", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(({ headers }) => (headers["pulsebus-attempt"] === "1" ? 500 : 200));
    const test = await openTestBus({ directory: directory.path });
    const retry = { backoff: { initial: "300ms", jitter: "none" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery: { maxInFlight: 1, retry } });
    await test.publish("t", numbered(8));
    await until(test, "s", { delivered: 8, parked: 0 });
    await test.close();
  });
});

describe("a dead-letter sink", () => {
  it("gets each dead letter with the reason beside the unchanged event, again and again until it takes it", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(({ path }) =>
      path === "/dead" ? 200 : { status: 422, body: "no such order" },
    );
    await using graveyard = await startReceiver(({ id }) =>
      graveyard.ids().filter((other) => other === id).length < 3 ? 500 : 200,
    );
    const test = await openTestBus({ directory: directory.path });
    const delivery = { deadLetter: { sink: graveyard.url() }, retry: QUICK };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", ["a"]);
    const last = (await graveyard.received(3)).at(-1);
    expect(last?.headers).toMatchObject({
      "ce-id": "a",
      "ce-knativeerrordest": sink.url(),
      "ce-knativeerrorcode": "422",
      "ce-knativeerrordata": "no%20such%20order",
    });
    expect(last?.body.toString()).toBe("data of a");
    await eventually(async () => {
      const { items } = await test.bus.deadLetters("s", {}, { cursor: undefined, limit: 10 });
      expect(items).toMatchObject([{ reason: "rejected", forwardedAt: expect.any(Number) }]);
    });
    await test.close();
  });

  it("may be a topic of the bus", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(() => 422);
    const test = await openTestBus({ directory: directory.path });
    const delivery = { deadLetter: { sink: "topic:dead" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", ["a", "b"]);
    await eventually(async () => {
      const { items } = await test.bus.browse("dead", { at: "earliest" }, 10);
      expect(items.map(({ event }) => "id" in event && event.id).sort()).toEqual(["a", "b"]);
    });
    await test.close();
  });
});

describe("changing a subscription", () => {
  it("takes a new sink for parked deliveries too, and a new filter for events to come", async () => {
    await using directory = await temporaryDirectory();
    await using down = await startReceiver(() => 500);
    await using up = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    const retry = { backoff: { initial: "200ms", jitter: "none" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: down.url(), delivery: { retry } });
    await test.publish("t", ["old"], "plain");
    await until(test, "s", { parked: 1 });
    await test.bus.replaceSubscription("s", { topic: "t", sink: up.url(), types: ["wanted"] }, 1);
    await test.publish("t", ["unwanted"], "plain");
    await test.publish("t", ["new"], "wanted");
    await up.received(2);
    expect(up.ids().sort()).toEqual(["new", "old"]);
    await test.close();
  });

  it("refuses a stale revision, another topic and another id", async () => {
    await using directory = await temporaryDirectory();
    const test = await openTestBus({ directory: directory.path });
    const input = { topic: "t", sink: "http://127.0.0.1:9/" };
    await test.bus.createSubscription({ id: "s", ...input });
    await expect(test.bus.replaceSubscription("s", input, 7)).rejects.toMatchObject({ code: "precondition-failed" });
    await expect(test.bus.replaceSubscription("s", { ...input, topic: "u" }, 1)).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(test.bus.replaceSubscription("s", { ...input, id: "x" }, 1)).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(test.bus.createSubscription({ id: "s", ...input })).rejects.toMatchObject({ code: "conflict" });
    await test.close();
  });

  it("deletes with it what it was owed, so that one of the same name starts afresh", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(() => 500);
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url() });
    await test.publish("t", numbered(5));
    await until(test, "s", { parked: 5 });
    await test.bus.deleteSubscription("s", undefined);
    await expect(test.bus.subscription("s")).rejects.toMatchObject({ code: "unknown-subscription" });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url() });
    expect(await status(test, "s")).toMatchObject({ parked: 0, backlog: 0, delivered: 0 });
    await test.close();
  });
});

describe("operational events", () => {
  it("tell that a subscription was paused by its sink, on the reserved topic", async () => {
    await using directory = await temporaryDirectory();
    await using gone = await startReceiver(() => 410);
    await using watcher = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "watch", topic: "pulsebus.ops", sink: watcher.url() });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: gone.url() });
    await test.publish("t", ["a"]);
    await until(test, "s", { state: "paused", deadLetters: 1 });
    const [request] = await watcher.received(1);
    expect(request?.headers).toMatchObject({ "ce-type": "io.pulsebus.subscription.paused", "ce-subject": "s" });
    await expect(async () => test.bus.openTopic("pulsebus.ops")).rejects.toMatchObject({ code: "read-only" });
    await test.close();
  });
});

describe("a trace", () => {
  it("tells for each subscription what became of the event", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(({ path }) => (path === "/ok" ? 200 : path === "/no" ? 400 : 500));
    const test = await openTestBus({ directory: directory.path });
    const base = { topic: "t", types: ["test"] };
    await test.bus.createSubscription({ ...base, id: "delivered", sink: sink.url("/ok") });
    await test.bus.createSubscription({ ...base, id: "dead", sink: sink.url("/no") });
    await test.bus.createSubscription({ ...base, id: "parked", sink: sink.url("/later") });
    await test.bus.createSubscription({ ...base, id: "other", types: ["x"], sink: sink.url("/ok") });
    await test.bus.createSubscription({ ...base, id: "paused", sink: sink.url("/ok") });
    await test.bus.pause("paused", "by the test");
    await test.publish("t", ["a"]);
    await test.bus.createSubscription({ ...base, id: "late", sink: sink.url("/ok") });
    await until(test, "delivered", { delivered: 1 });
    await until(test, "dead", { deadLetters: 1 });
    await until(test, "parked", { parked: 1 });
    const trace = await test.bus.trace("t", { source: "/test", id: "a" });
    const states = trace.occurrences[0]?.deliveries.map(({ subscription, state }) => [subscription, state]);
    expect(Object.fromEntries(states ?? [])).toEqual({
      delivered: "delivered",
      dead: "dead-lettered",
      parked: "parked",
      other: "not-matched",
      paused: "waiting",
      late: "before-subscription",
    });
    await test.close();
  });
});
