/**
 * Goal: events of one key arrive one at a time and in the order published, whatever fails or stops in between, and other
 * keys go on meanwhile. Method: a real bus on real files with real webhooks that answer by the test's script and keep
 * a ledger of what they took.
 */
import { describe, expect, it } from "vitest";
import type { Park, Store } from "../../../src/store/port.ts";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, type TestEvent, temporaryDirectory } from "../../support/open-bus.ts";
import { type ReceivedRequest, startReceiver } from "../../support/receiver.ts";

const RETRY = { backoff: { initial: "20ms", max: "50ms", jitter: "none" } };
const ORDERED = { ordering: "key", retry: RETRY, breaker: { failures: 100_000 }, timeout: "10s" } as const;

/** `a3` is the fourth event of key `a`. */
function keyed(key: string, count: number, from = 0): TestEvent[] {
  return Array.from({ length: count }, (_, n) => ({ id: `${key}${from + n}`, partitionkey: key }));
}

/** One of each in turn. */
function interleaved<T>(...lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }).flatMap((_, n) => lists.flatMap((list) => list.slice(n, n + 1)));
}

const idsOf = (events: readonly TestEvent[]): string[] => events.map(({ id }) => id);

/** A sink that knows what it took, and whether two of one key were ever there at once. */
async function openLedger(answer: (request: ReceivedRequest) => number | Promise<number> = () => 200) {
  const taken: string[] = [];
  const inside = new Map<string, number>();
  let overlaps = 0;
  const sink = await startReceiver(async (request) => {
    const key = String(request.headers["ce-partitionkey"]);
    const others = inside.get(key) ?? 0;
    overlaps += others > 0 ? 1 : 0;
    inside.set(key, others + 1);
    const status = await answer(request);
    inside.set(key, (inside.get(key) ?? 1) - 1);
    if (status === 200) taken.push(request.id ?? "?");
    return status;
  });
  return {
    url: sink.url(),
    sink,
    /** What it took of a key, in order. */
    of: (key: string) => taken.filter((id) => id.startsWith(key)),
    overlaps: () => overlaps,
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

async function until(test: TestBus, expected: object): Promise<void> {
  await eventually(async () => expect((await test.bus.subscription("s")).status).toMatchObject(expected), 20_000);
}

const DONE = { parked: 0, inFlight: 0, backlog: 0 };

describe("a subscription with order by key", () => {
  it("delivers each key in order and one at a time, all keys together as fast as the window allows", async () => {
    await using directory = await temporaryDirectory();
    await using ledger = await openLedger();
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery: ORDERED });
    const keys = ["a", "b", "c", "d"].map((key) => keyed(key, 50));
    await test.publish("t", interleaved(...keys));
    await until(test, { delivered: 200, ...DONE });
    for (const events of keys) expect(ledger.of(events[0]?.partitionkey ?? "")).toEqual(idsOf(events));
    expect(ledger.overlaps()).toBe(0);
    await test.close();
  });

  it("holds a key back while its first event is tried again, and no other", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using ledger = await openLedger(({ id }) => (id === "a0" && !open ? 503 : 200));
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery: ORDERED });
    await test.publish("t", interleaved(keyed("a", 30), keyed("b", 30)));
    await until(test, { delivered: 30, parked: 30 });
    expect(ledger.of("a")).toEqual([]);
    open = true;
    await test.publish("t", keyed("a", 30, 30));
    await until(test, { delivered: 90, ...DONE });
    expect(ledger.of("a")).toEqual(idsOf(keyed("a", 60)));
    expect(ledger.overlaps()).toBe(0);
    await test.close();
  });

  it("keeps the order when any attempt may fail", async () => {
    await using directory = await temporaryDirectory();
    await using ledger = await openLedger(() => (Math.random() < 0.3 ? 503 : 200));
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery: ORDERED });
    const keys = ["a", "b", "c", "d", "e"].map((key) => keyed(key, 20));
    await test.publish("t", interleaved(...keys));
    await until(test, { delivered: 100, ...DONE });
    for (const events of keys) expect(ledger.of(events[0]?.partitionkey ?? "")).toEqual(idsOf(events));
    await test.close();
  });

  it("parks what a hot key brings beyond its buffer, and lets the others pass", async () => {
    await using directory = await temporaryDirectory();
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    await using ledger = await openLedger(({ id }) => (id === "a0" ? opened.then(() => 200) : 200));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...ORDERED, maxInFlight: 4 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery });
    await test.publish("t", [...keyed("a", 60), ...keyed("b", 5)]);
    await until(test, { delivered: 5, inFlight: 1, backlog: 0 });
    expect(ledger.of("b")).toEqual(idsOf(keyed("b", 5)));
    open();
    await until(test, { delivered: 65, ...DONE });
    expect(ledger.of("a")).toEqual(idsOf(keyed("a", 60)));
    expect(ledger.overlaps()).toBe(0);
    await test.close();
  });

  it("lets other keys pass although a hot key has more waiting than maxParked", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using ledger = await openLedger(({ id }) => (id === "a0" && !open ? 503 : 200));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...ORDERED, maxInFlight: 2, maxParked: 5 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery });
    await test.publish("t", [...keyed("a", 100), ...keyed("b", 50)]);
    await until(test, { delivered: 50, parked: 100, state: "active" });
    expect(ledger.of("b")).toEqual(idsOf(keyed("b", 50)));
    open = true;
    await until(test, { delivered: 150, ...DONE });
    expect(ledger.of("a")).toEqual(idsOf(keyed("a", 100)));
    await test.close();
  });

  it("stops receiving when as many wait behind their keys as may, and goes on when one of them could", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using ledger = await openLedger(({ id }) => (id === "a0" && !open ? 503 : 200));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...ORDERED, ordering: { maxWaiting: 20 }, maxInFlight: 2 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery });
    await test.publish("t", [...keyed("a", 100), ...keyed("b", 50)]);
    await eventually(async () => {
      const { state, reason } = (await test.bus.subscription("s")).status;
      expect(state).toBe("failing");
      expect(reason).toMatch(/^[23]\d deliveries wait for others of their key \(delivery\.ordering\.maxWaiting\)/);
    });
    expect(ledger.of("b")).toEqual([]);
    open = true;
    await until(test, { delivered: 150, ...DONE, state: "active" });
    expect(ledger.of("a")).toEqual(idsOf(keyed("a", 100)));
    await test.close();
  });

  it("receives no more than its buffer holds while the rows of a key can't be written", async () => {
    await using directory = await temporaryDirectory();
    await using ledger = await openLedger(({ path, id }) => (path === "/failing" && id === "a0" ? 503 : 200));
    const { promise: written, resolve: write } = Promise.withResolvers<void>();
    const slowToPark = (store: Store): Store =>
      new Proxy(store, {
        get(target, property: keyof Store) {
          if (property === "park") return (rows: readonly Park[]) => written.then(() => target.park(rows));
          return target[property].bind(target);
        },
      });
    const test = await openTestBus({ directory: directory.path, wrapStore: slowToPark });
    const delivery = { ...ORDERED, maxInFlight: 4 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: `${ledger.url}failing`, delivery });
    await test.bus.createSubscription({ id: "other", topic: "t", sink: ledger.url });
    await test.publish("t", keyed("a", 300));
    await eventually(async () => expect((await test.bus.subscription("other")).status.delivered).toBe(300));
    expect((await test.bus.subscription("s")).status.waiting).toBeLessThanOrEqual(4 * 4 + 4);
    write();
    await test.close();
  });

  it("goes on in order after a restart, with what was parked before what is new", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using ledger = await openLedger(({ id }) => (id === "a2" && !open ? 503 : 200));
    const first = await openTestBus({ directory: directory.path });
    await first.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery: ORDERED });
    await first.publish("t", keyed("a", 10));
    await until(first, { delivered: 2, parked: 8 });
    await first.close();
    const second = await openTestBus({ directory: directory.path });
    await second.publish("t", keyed("a", 10, 10));
    await until(second, { parked: 18, backlog: 0 });
    open = true;
    await until(second, { delivered: 18, ...DONE });
    expect(ledger.of("a")).toEqual(idsOf(keyed("a", 20)));
    await second.close();
  });

  it("keeps the order through pause and resume", async () => {
    await using directory = await temporaryDirectory();
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    await using ledger = await openLedger(({ id }) => (id === "a0" ? opened.then(() => 200) : 200));
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery: ORDERED });
    await test.publish("t", keyed("a", 10));
    await until(test, { inFlight: 1, backlog: 0 });
    await test.bus.pause("s", "a test");
    await until(test, { state: "paused", parked: 10, inFlight: 1 });
    open();
    await until(test, { state: "paused", parked: 9, inFlight: 0 });
    await test.publish("t", keyed("a", 10, 10));
    await test.bus.resume("s");
    await until(test, { delivered: 20, ...DONE });
    expect(ledger.of("a")).toEqual(idsOf(keyed("a", 20)));
    await test.close();
  });

  it("goes on with a key after a dead letter", async () => {
    await using directory = await temporaryDirectory();
    await using ledger = await openLedger(({ id }) => (id === "a1" ? 400 : 200));
    const test = await openTestBus({ directory: directory.path });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery: ORDERED });
    await test.publish("t", keyed("a", 4));
    await until(test, { delivered: 3, deadLetters: 1, ...DONE });
    expect(ledger.of("a")).toEqual(["a0", "a2", "a3"]);
    await test.close();
  });

  it.each(["redrive", "discard"] as const)(
    "holds a key behind its dead letter until %s, when the policy says so",
    async (action) => {
      await using directory = await temporaryDirectory();
      let refused = true;
      await using ledger = await openLedger(({ id }) => (id === "a1" && refused ? 400 : 200));
      const test = await openTestBus({ directory: directory.path });
      const delivery = { ...ORDERED, ordering: { onDeadLetter: "block" } };
      await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery });
      await test.publish("t", interleaved(keyed("a", 4), keyed("b", 4)));
      await until(test, { delivered: 5, deadLetters: 1, parked: 2, backlog: 0 });
      refused = false;
      await test.bus[action]("s", { all: true });
      await until(test, { deadLetters: 0, ...DONE });
      await test.publish("t", keyed("a", 2, 4));
      await until(test, { delivered: action === "redrive" ? 10 : 9, ...DONE });
      const expected = idsOf(keyed("a", 6)).filter((id) => action === "redrive" || id !== "a1");
      expect(ledger.of("a")).toEqual(expected);
      await test.close();
    },
  );

  it.each(["none", "key"] as const)(
    "lets what waits for a dead letter go on when the policy becomes %s",
    async (ordering) => {
      await using directory = await temporaryDirectory();
      await using ledger = await openLedger(({ id }) => (id === "a1" ? 400 : 200));
      const test = await openTestBus({ directory: directory.path });
      const subscription = { id: "s", topic: "t", sink: ledger.url };
      const blocking = { ...ORDERED, ordering: { onDeadLetter: "block" } } as const;
      await test.bus.createSubscription({ ...subscription, delivery: blocking });
      await test.publish("t", keyed("a", 4));
      await until(test, { delivered: 1, deadLetters: 1, parked: 2 });
      await test.bus.replaceSubscription("s", { ...subscription, delivery: { ...ORDERED, ordering } }, undefined);
      await test.publish("t", keyed("a", 2, 4));
      await eventually(() => {
        const taken = ledger.of("a");
        expect(ordering === "key" ? taken : taken.sort()).toEqual(["a0", "a2", "a3", "a4", "a5"]);
      });
      await until(test, { deadLetters: 1, ...DONE });
      await test.close();
    },
  );

  it("orders by another attribute when told, and leaves events without it unordered", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using ledger = await openLedger(({ id }) => (id === "x0" && !open ? 503 : 200));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { ...ORDERED, ordering: { key: "customer" } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: ledger.url, delivery });
    await test.publish("t", [
      { id: "x0", customer: "7" },
      { id: "x1", customer: "7" },
      { id: "y0", partitionkey: "7" },
    ]);
    await until(test, { delivered: 1, parked: 2 });
    expect(ledger.of("y")).toEqual(["y0"]);
    open = true;
    await until(test, { delivered: 3, ...DONE });
    expect(ledger.of("x")).toEqual(["x0", "x1"]);
    await test.close();
  });
});
