/** Goal: pulled deliveries follow the same rules as pushed ones. Method: a real bus on real files; the test is the consumer. */
import { describe, expect, it } from "vitest";
import type { PulledDelivery } from "../../../src/sink/pull.ts";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../../support/open-bus.ts";

const DONE = { parked: 0, inFlight: 0, backlog: 0 };
const QUICK = { retry: { backoff: { initial: "10ms", max: "10ms", jitter: "none" } } };
const never = new AbortController().signal;

async function until(test: TestBus, expected: object): Promise<void> {
  await eventually(async () => expect((await test.bus.subscription("s")).status).toMatchObject(expected), 20_000);
}

function receive(test: TestBus, max: number, waitMs = 5_000): Promise<readonly PulledDelivery[]> {
  return test.bus.receive("s", { max, waitMs }, never);
}

const idsOf = (pulled: readonly PulledDelivery[]): string[] => pulled.map(({ delivery }) => delivery.event.id);
const locksOf = (pulled: readonly PulledDelivery[]): string[] => pulled.map(({ lock }) => lock);

async function open(directory: string, delivery: object = QUICK): Promise<TestBus> {
  const test = await openTestBus({ directory });
  await test.bus.createSubscription({ id: "s", topic: "t", sink: "pull:", delivery });
  return test;
}

describe("a subscription that is pulled from", () => {
  it("takes nothing from its topic until somebody asks, and then what was asked for", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path);
    await test.publish("t", ["a", "b", "c", "d"]);
    await until(test, { backlog: 4, inFlight: 0, parked: 0 });
    const pulled = await receive(test, 3);
    expect(idsOf(pulled)).toEqual(["a", "b", "c"]);
    await until(test, { backlog: 1, inFlight: 3 });
    test.bus.settlePulled("s", locksOf(pulled), { kind: "ack" });
    await until(test, { backlog: 1, inFlight: 0, delivered: 3, parked: 0 });
    await test.close();
  });

  it("has a receive wait for what is published later", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path);
    const waiting = receive(test, 5);
    await test.publish("t", ["late"]);
    expect(idsOf(await waiting)).toEqual(["late"]);
    await test.close();
  });

  it("answers with nothing when nothing comes, and holds nothing afterwards", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path);
    expect(await receive(test, 5, 20)).toEqual([]);
    await test.publish("t", ["a"]);
    await until(test, { backlog: 1, inFlight: 0, parked: 0 });
    expect(idsOf(await receive(test, 5))).toEqual(["a"]);
    await test.close();
  });

  it("delivers again what was released, with the attempt counted", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path);
    await test.publish("t", ["a"]);
    const [first] = await receive(test, 1);
    test.bus.settlePulled("s", [first?.lock ?? ""], { kind: "release", delayMs: 0, reason: "not now" });
    const [second] = await receive(test, 1);
    expect(second?.delivery).toMatchObject({ id: first?.delivery.id, attempt: 2 });
    test.bus.settlePulled("s", [second?.lock ?? ""], { kind: "ack" });
    await until(test, { delivered: 1, ...DONE });
    await test.close();
  });

  it("goes on handing out when its consumer rejects many in a row, and says so", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path);
    await test.publish(
      "t",
      Array.from({ length: 40 }, (_, n) => `e${n}`),
    );
    for (let rejected = 0; rejected < 30; rejected += 10) {
      const pulled = await receive(test, 10);
      expect(pulled).toHaveLength(10);
      test.bus.settlePulled("s", locksOf(pulled), { kind: "reject", reason: "no such order" });
    }
    await until(test, { deadLetters: 30, inFlight: 0, breaker: "closed", state: "failing" });
    expect(await receive(test, 10, 100)).toHaveLength(10);
    await test.close();
  });

  it("delivers again when a lock expires, and its holder is too late then", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path, { ...QUICK, timeout: "100ms" });
    await test.publish("t", ["a"]);
    const first = await receive(test, 1);
    const second = await receive(test, 1);
    expect(idsOf(second)).toEqual(["a"]);
    expect(() => test.bus.settlePulled("s", locksOf(first), { kind: "ack" })).toThrow(
      expect.objectContaining({ code: "lock-lost" }),
    );
    test.bus.settlePulled("s", locksOf(second), { kind: "ack" });
    await until(test, { delivered: 1, ...DONE });
    await test.close();
  });

  it("keeps a lock that is renewed", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path, { ...QUICK, timeout: "300ms" });
    await test.publish("t", ["a"]);
    const pulled = await receive(test, 1);
    const end = Date.now() + 900;
    while (Date.now() < end) {
      test.bus.renewPulled("s", locksOf(pulled));
      expect(await receive(test, 1, 50)).toEqual([]);
    }
    test.bus.settlePulled("s", locksOf(pulled), { kind: "ack" });
    await until(test, { delivered: 1, ...DONE });
    await test.close();
  });

  it("dead-letters what is rejected, with the reason", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path);
    await test.publish("t", ["a"]);
    test.bus.settlePulled("s", locksOf(await receive(test, 1)), { kind: "reject", reason: "broken" });
    await until(test, { deadLetters: 1, ...DONE });
    const { items } = await test.bus.deadLetters("s", {}, { cursor: undefined, limit: 1 });
    expect(items[0]).toMatchObject({ reason: "rejected", detail: "rejected: broken" });
    await test.close();
  });

  it("keeps the order of keys: the next of a key comes when the one before is done", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path, { ...QUICK, ordering: "key" });
    const events = ["a0", "a1", "b0"].map((id) => ({ id, partitionkey: id.charAt(0) }));
    await test.publish("t", events);
    const first = [...(await receive(test, 10))];
    while (first.length < 2) first.push(...(await receive(test, 10)));
    expect(idsOf(first).sort()).toEqual(["a0", "b0"]);
    expect(await receive(test, 10, 50)).toEqual([]);
    test.bus.settlePulled("s", locksOf(first), { kind: "ack" });
    expect(idsOf(await receive(test, 10))).toEqual(["a1"]);
    await test.close();
  });

  it("loses nothing that was locked when it restarts, and its locks are void", async () => {
    await using directory = await temporaryDirectory();
    const first = await open(directory.path);
    await first.publish("t", ["a", "b"]);
    const before = await receive(first, 2);
    await first.close(50);
    const second = await openTestBus({ directory: directory.path });
    await until(second, { state: "active" });
    expect(() => second.bus.settlePulled("s", locksOf(before), { kind: "ack" })).toThrow("not held");
    const again: string[] = [];
    while (again.length < 2) again.push(...idsOf(await receive(second, 2)));
    expect(again.sort()).toEqual(["a", "b"]);
    await second.close(50);
  });

  it("is not tested by a call, and one that is pushed can't be pulled from", async () => {
    await using directory = await temporaryDirectory();
    const test = await open(directory.path);
    await expect(test.bus.test("s")).rejects.toMatchObject({ code: "conflict" });
    await test.bus.createSubscription({ id: "pushed", topic: "t", sink: "http://127.0.0.1:1/" });
    await expect(test.bus.receive("pushed", { max: 1, waitMs: 1 }, never)).rejects.toMatchObject({ code: "conflict" });
    await test.close();
  });
});
