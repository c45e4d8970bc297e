import Driver from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databasePath } from "../../../src/sqlite/connection.ts";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import { ackAll, receiveAndAck, receiveCount } from "../../../src/transport/conformance/steps.ts";
import type { Consumer, TopicSettings } from "../../../src/transport/port.ts";
import { eventually } from "../../support/eventually.ts";
import { EmbeddedLog, EVERYTHING, SETTINGS, TestClock } from "./log.ts";
import { numberOf, publish, store } from "./steps.ts";

const MINUTE = 60_000;
const SMALL = 30 * 1024;

const BY_AGE: Partial<TopicSettings> = {
  retention: { maxAgeMs: MINUTE, maxBytes: 1e9 },
  holdBackMs: 10 * MINUTE,
};

function bySize(whenFull: TopicSettings["whenFull"]): Partial<TopicSettings> {
  return { retention: { maxAgeMs: 1e9, maxBytes: SMALL }, holdBackMs: 1e9, whenFull };
}

describe("retention of the embedded log", () => {
  const clock = new TestClock(10);
  let log: EmbeddedLog;

  beforeAll(async () => {
    log = await EmbeddedLog.open({ clock });
  });
  afterAll(() => log.remove());

  /** Stores events of 1 KiB in a block each. */
  async function storeKilobytes(address: string, count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await store(log.transport, address, [makeEvent({ data: Buffer.alloc(1024) })]);
  }

  async function expectEvents(address: string, events: number): Promise<void> {
    await eventually(async () => expect((await log.transport.topicStats(address)).events).toBe(events));
  }

  async function expectSkipped(address: string, group: string, skipped: number): Promise<void> {
    await eventually(async () => expect((await log.transport.stats(address, group)).skipped).toBe(skipped));
  }

  it("removes what is too old and read by everybody, and nothing younger", async () => {
    const address = await log.topic(BY_AGE);
    const consumer = await log.consumer(address, EVERYTHING, "g");
    await store(log.transport, address, makeEvents(5));
    await receiveAndAck(consumer, 5);
    clock.advance(MINUTE + 1_000);
    await store(log.transport, address, makeEvents(2));
    await expectEvents(address, 2);
    expect((await log.transport.stats(address, "g")).skipped).toBe(0);
  });

  it("keeps what a healthy group has not read, or has open, however old it is", async () => {
    const address = await log.topic(BY_AGE);
    const consumer = await log.consumer(address, EVERYTHING, "g");
    for (const event of makeEvents(4)) await store(log.transport, address, [event]);
    const [first, second, third, fourth] = await receiveCount(consumer, 4);
    if (!first || !second || !third || !fourth) throw new Error("four items");
    ackAll(consumer, [first, third, fourth]);
    clock.advance(20 * MINUTE);
    await expectEvents(address, 3); // from the open one on
    ackAll(consumer, [second]);
    await expectEvents(address, 0);
    expect(consumer.state.skipped).toBe(0);
  });

  it("takes from a bounded group only what is older than holdBack, and counts it durably", async () => {
    const address = await log.topic(BY_AGE);
    await log.transport.createGroup(address, "g", { at: "latest" });
    log.transport.holdBack(address, "g", "bounded");
    await store(log.transport, address, makeEvents(3));
    clock.advance(5 * MINUTE);
    await store(log.transport, address, makeEvents(2, "young"));
    await log.transport.createGroup(address, "marker", { at: "earliest" });
    expect((await log.transport.topicStats(address)).events).toBe(5);
    await log.transport.deleteGroup(address, "marker");
    clock.advance(6 * MINUTE);
    await expectSkipped(address, "g", 3);
    await log.restart();
    expect(await log.transport.stats(address, "g")).toMatchObject({ skipped: 3, backlog: 2 });
    const consumer = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    expect(idsOf(await receiveAndAck(consumer, 2))).toEqual(["young-0", "young-1"]);
    expect(consumer.state.skipped).toBe(3);
  });

  it("is not held back by a group in mode none", async () => {
    const address = await log.topic(BY_AGE);
    await log.transport.createGroup(address, "g", { at: "latest" });
    log.transport.holdBack(address, "g", "none");
    await store(log.transport, address, makeEvents(3));
    clock.advance(2 * MINUTE);
    await expectEvents(address, 0);
    await expectSkipped(address, "g", 3);
  });

  it("lets a bounded group hold at most half of maxBytes, and publishes go on", async () => {
    const address = await log.topic(bySize("reject"));
    await log.transport.createGroup(address, "behind", { at: "latest" });
    log.transport.holdBack(address, "behind", "bounded");
    const healthy = await log.consumer(address);
    for (let i = 0; i < 100; i += 1) {
      await storeKilobytes(address, 1);
      await receiveAndAck(healthy, 1);
    }
    await eventually(async () => expect((await log.transport.topicStats(address)).bytes).toBeLessThanOrEqual(SMALL));
    const { skipped, backlog } = await log.transport.stats(address, "behind");
    expect(skipped + (backlog ?? 0)).toBe(100);
    expect(skipped).toBeGreaterThan(50);
    expect(healthy.state.skipped).toBe(0);
  });

  it("rejects publishes while a healthy group holds more than maxBytes, and loses nothing of it", async () => {
    const address = await log.topic(bySize("reject"));
    const consumer = await log.consumer(address);
    const stored = await publishUntilThrottled(address);
    expect(stored).toBeGreaterThanOrEqual(SMALL / 1200);
    const items = await receiveAndAck(consumer, stored);
    expect(items.map(numberOf)).toEqual(Array.from({ length: stored }, (_, index) => index + 1));
    await eventually(async () => {
      const [result] = await publish(log.transport, address, [makeEvent()]);
      expect(result?.ok).toBe(true);
    });
    expect(consumer.state.skipped).toBe(0);
  });

  it("drops the oldest instead where the topic says so, counted for the group that had not read them", async () => {
    const address = await log.topic(bySize("dropOldest"));
    await log.transport.createGroup(address, "g", { at: "latest" });
    await storeKilobytes(address, 120);
    await eventually(async () => expect((await log.transport.topicStats(address)).bytes).toBeLessThanOrEqual(SMALL));
    const { skipped, backlog = 0 } = await log.transport.stats(address, "g");
    expect(skipped + backlog).toBe(120);
    const consumer = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    const items = await receiveAndAck(consumer, backlog);
    expect(items.map(numberOf)).toEqual(Array.from({ length: backlog }, (_, index) => skipped + index + 1));
  });

  it("does not take what is in somebody's hands: it can still be settled, and comes no more after a release lost it", async () => {
    const address = await log.topic(BY_AGE);
    await log.transport.createGroup(address, "g", { at: "latest" });
    log.transport.holdBack(address, "g", "none");
    await store(log.transport, address, makeEvents(3));
    const consumer = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    const [first, second, third] = await receiveCount(consumer, 3);
    if (!first || !second || !third) throw new Error("three items");
    clock.advance(2 * MINUTE);
    await expectEvents(address, 0);
    ackAll(consumer, [first]);
    consumer.settle(second, "release");
    const [again] = await receiveAndAck(consumer, 1);
    expect(again && numberOf(again)).toBe(2);
    await consumer.close(clock.now() + 10_000);
    const next = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    await store(log.transport, address, makeEvents(1, "new"));
    expect(idsOf(await receiveAndAck(next, 1))).toEqual(["new-0"]);
    expect(next.state.skipped).toBe(1); // the third one
  });

  it("goes on under a group that reads pages: what was read and what was skipped is everything", async () => {
    const address = await log.topic(bySize("dropOldest"));
    await log.transport.createGroup(address, "g", { at: "latest" });
    const consumer = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    const total = 400;
    const numbers: number[] = [];
    const publishing = storeKilobytes(address, total);
    while (numbers.at(-1) !== total) numbers.push(...(await readSlowly(consumer)));
    await publishing;
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.length + consumer.state.skipped).toBe(total);
  });

  it("removes a deleted topic's blocks in the background, and goes on with it after a restart", async () => {
    const address = await log.topic();
    for (let i = 0; i < 80; i += 1) await store(log.transport, address, [makeEvent()]);
    const other = await log.topic();
    await store(log.transport, other, makeEvents(3));
    await log.transport.deprovision(address);
    await log.restart();
    await eventually(() => expect(countRows("SELECT count(*) FROM embedded_topics WHERE address IS NULL")).toBe(0));
    const orphans = "SELECT count(*) FROM embedded_blocks WHERE topic NOT IN (SELECT id FROM embedded_topics)";
    expect(countRows(orphans)).toBe(0);
    expect((await log.transport.topicStats(other)).events).toBe(3);
  });

  it("takes new settings at once", async () => {
    const address = await log.topic();
    await store(log.transport, address, makeEvents(3));
    await log.transport.provision(address, { ...SETTINGS, ...BY_AGE });
    clock.advance(2 * MINUTE);
    await expectEvents(address, 0);
  });

  async function publishUntilThrottled(address: string): Promise<number> {
    for (let stored = 0; stored < 10_000; stored += 1) {
      const [result] = await publish(log.transport, address, [makeEvent({ data: Buffer.alloc(1024) })]);
      if (result?.ok) continue;
      expect(result).toMatchObject({ stored: "no", error: { code: "throttled", retryAfterSeconds: 1 } });
      return stored;
    }
    throw new Error("the topic never became full");
  }

  function countRows(sql: string): number {
    const file = new Driver(databasePath(log.directory), { readonly: true });
    try {
      return file.prepare(sql).pluck().get() as number;
    } finally {
      file.close();
    }
  }
});

/** One item, held for a few turns of the event loop, so that the reader falls behind. */
async function readSlowly(consumer: Consumer): Promise<number[]> {
  const items = await receiveAndAck(consumer, 1);
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return items.map(numberOf);
}
