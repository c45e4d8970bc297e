import Driver from "better-sqlite3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Event } from "../../../src/event/event.ts";
import { MAILBOX_EVENTS_MAX } from "../../../src/limits.ts";
import { databasePath } from "../../../src/sqlite/connection.ts";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import { ackAll, inTime, receive, receiveAndAck, receiveCount } from "../../../src/transport/conformance/steps.ts";
import { type Consumer, isMalformed, type Matcher } from "../../../src/transport/port.ts";
import { EmbeddedLog, EVERYTHING, TestClock } from "./log.ts";
import { numberOf, store } from "./steps.ts";

describe("reading the embedded log", () => {
  /** Mailboxes that nobody empties are given up after 100 ms. */
  const clock = new TestClock(50);
  let log: EmbeddedLog;

  beforeAll(async () => {
    log = await EmbeddedLog.open({ clock });
  });
  afterAll(() => log.remove());

  it("has no gap and no repeat, however far a group falls behind and how often it catches up", async () => {
    const step = fc.record({
      publish: fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 1_500 })), { maxLength: 4 }),
      receive: fc.integer({ min: 0, max: 3_000 }),
      max: fc.integer({ min: 1, max: 700 }),
      isSparse: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const address = await log.topic();
        const all = await log.consumer(address);
        const some = await log.consumer(address, ofType("wanted"));
        const sent: Event[] = [];
        const received: string[] = [];
        const publishing: Promise<unknown>[] = [];
        for (const { publish, receive: wanted, max, isSparse } of steps) {
          for (const count of publish) {
            const events = typed(count, sent.length, isSparse);
            sent.push(...events);
            publishing.push(store(log.transport, address, events)); // goes on while the next line reads
          }
          await receiveUpTo(all, received, Math.min(sent.length, received.length + wanted), max);
        }
        await Promise.all(publishing);
        await receiveUpTo(all, received, sent.length, 100);
        expect(received).toEqual(sent.map(({ id }) => id));
        const expected = sent.filter(({ type }) => type === "wanted").map(({ id }) => id);
        expect(idsOf(await receiveAndAck(some, expected.length))).toEqual(expected);
        expect(await log.transport.topicStats(address)).toMatchObject({ events: sent.length });
        await log.transport.deprovision(address);
      }),
      { numRuns: 25 },
    );
  });

  it("goes on in order after a group was left alone with a mailbox that was given up", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address);
    await store(log.transport, address, makeEvents(3, "a"));
    const items = await receiveAndAck(consumer, 1);
    for (let round = 0; round < 5; round += 1) {
      await store(log.transport, address, makeEvents(10, `b${round}`));
      await new Promise((resolve) => setTimeout(resolve, 60)); // the mailbox is looked at meanwhile
      items.push(...(await receiveAndAck(consumer, 5)));
    }
    items.push(...(await receiveAndAck(consumer, 53 - items.length)));
    expect(items.map(numberOf)).toEqual(Array.from({ length: 53 }, (_, index) => index + 1));
  });

  it("asks only the matchers whose type or source an event has", async () => {
    const address = await log.topic();
    const matched = Array.from({ length: 1_000 }, () => 0);
    const counting = (index: number, matcher: Matcher): Matcher => ({
      ...matcher,
      matches(event) {
        matched[index] = (matched[index] ?? 0) + 1;
        return matcher.matches(event);
      },
    });
    const groups = Array.from({ length: 1_000 }, (_, index) => `group-${index}`);
    const consumers = await Promise.all(
      groups.map((group, index) => {
        const matcher = index % 2 === 0 ? ofType(`type-${index}`) : ofSource(`/source-${index}`);
        return log.consumer(address, counting(index, matcher), group);
      }),
    );
    await store(log.transport, address, [makeEvent()]);
    const abort = new AbortController();
    const waiting = consumers.map((consumer) => consumer.receive(10, abort.signal));
    const haveCaughtUp = async (): Promise<boolean> => {
      const stats = await Promise.all(groups.map((group) => log.transport.stats(address, group)));
      return stats.every(({ backlog }) => backlog === 0);
    };
    await until(haveCaughtUp);
    matched.fill(0);
    await store(log.transport, address, [makeEvent({ type: "type-8" }), makeEvent({ source: "/source-9" })]);
    expect(idsOf((await waiting[8]) ?? [])).toHaveLength(1);
    expect(idsOf((await waiting[9]) ?? [])).toHaveLength(1);
    const asked = matched.flatMap((count, index) => (count > 0 ? [[index, count]] : []));
    abort.abort();
    await Promise.all(waiting);
    expect(asked).toEqual([
      [8, 1],
      [9, 1],
    ]);
  });

  it("moves a group over what it does not want, also in the log and across a restart", async () => {
    const address = await log.topic();
    const group = "picky";
    await log.transport.createGroup(address, group, { at: "latest" });
    await store(log.transport, address, makeEvents(3_000));
    const consumer = log.transport.consumer(address, group, { matcher: ofType("wanted") });
    const waiting = consumer.receive(1, new AbortController().signal);
    await until(async () => (await log.transport.stats(address, group)).backlog === 0);
    await store(log.transport, address, [makeEvent({ id: "it", type: "wanted" })]);
    const items = await inTime(waiting, "the one that is wanted");
    expect(idsOf(items)).toEqual(["it"]);
    ackAll(consumer, items);
    await log.restart();
    expect(await log.transport.stats(address, group)).toMatchObject({ backlog: 0, oldestAt: undefined });
  });

  it("tells backlog and age of the oldest unread event, mailboxes included", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address, EVERYTHING, "g");
    await store(log.transport, address, makeEvents(1));
    await receiveAndAck(consumer, 1);
    const before = clock.now();
    await store(log.transport, address, makeEvents(2 * MAILBOX_EVENTS_MAX));
    clock.advance(60_000);
    await store(log.transport, address, makeEvents(1));
    const { backlog, oldestAt = 0 } = await log.transport.stats(address, "g");
    expect(backlog).toBe(2 * MAILBOX_EVENTS_MAX + 1);
    expect(oldestAt).toBeGreaterThanOrEqual(before);
    expect(oldestAt).toBeLessThan(before + 30_000);
  });

  it("gives back types, order of attributes, kind of data and the document as they were stored", async () => {
    const document = Buffer.from('{"specversion":"1.0","id":"s","data":{"n":1.00}}');
    const structured: Event = {
      ...makeEvent({ id: "s", attributes: [["n", "1", "integer"]] }),
      data: { kind: "json", bytes: document.subarray(38, 47) },
      structured: document,
    };
    const text: Event = { ...makeEvent({ id: "t" }), data: { kind: "text", bytes: Buffer.from("hello") } };
    const address = await log.topic();
    await store(log.transport, address, [structured, text]);
    await log.transport.createGroup(address, "g", { at: "earliest" });
    const items = await receiveAndAck(log.transport.consumer(address, "g", { matcher: EVERYTHING }), 2);
    expect(items.map(({ event }) => event)).toEqual([structured, text]);
  });

  it("hands out a record that can't be read as malformed, and goes on behind it", async () => {
    const address = await log.topic();
    await log.transport.createGroup(address, "g", { at: "latest" });
    await store(log.transport, address, makeEvents(3, "e"));
    await log.stop();
    const file = new Driver(databasePath(log.directory));
    const { id, body } = file.prepare("SELECT id, body FROM embedded_blocks ORDER BY id DESC LIMIT 1").get() as {
      id: number;
      body: Buffer;
    };
    body[4] = 99; // the version of the first record
    file.prepare("UPDATE embedded_blocks SET body = ? WHERE id = ?").run(body, id);
    file.close();
    await log.start();
    const consumer = log.transport.consumer(address, "g", { matcher: ofType("none") });
    const [item] = await receive(consumer);
    expect(item && isMalformed(item.event) && item.event.malformed).toContain("version 99");
    expect(item && isMalformed(item.event) && item.event.bytes.length).toBeGreaterThan(20);
  });

  it("browses from the beginning, a time, a position and the end, page by page", async () => {
    const address = await log.topic();
    await store(log.transport, address, makeEvents(3, "old"));
    clock.advance(60_000);
    const time = new Date(clock.now() - 30_000);
    const [third = ""] = await store(log.transport, address, makeEvents(3, "new"));
    const page = await log.transport.read(address, { at: "earliest" }, 4);
    expect(idsOf(page.items)).toEqual(["old-0", "old-1", "old-2", "new-0"]);
    const rest = await log.transport.read(address, { at: "position", position: page.next ?? "" }, 4);
    expect([idsOf(rest.items), rest.next]).toEqual([["new-1", "new-2"], undefined]);
    expect(idsOf((await log.transport.read(address, { at: "time", time }, 10)).items)).toEqual([
      "new-0",
      "new-1",
      "new-2",
    ]);
    expect(idsOf((await log.transport.read(address, { at: "position", position: third }, 1)).items)).toEqual(["new-0"]);
    const end = await log.transport.read(address, { at: "latest" }, 10);
    expect(end.items).toEqual([]);
    await store(log.transport, address, [makeEvent({ id: "later" })]);
    const after = await log.transport.read(address, { at: "position", position: end.next ?? "" }, 10);
    expect(idsOf(after.items)).toEqual(["later"]);
    for (const position of ["1-1", "nonsense", `${third.split("-")[0]}-99`]) {
      const reading = log.transport.read(address, { at: "position", position }, 1);
      await expect(reading).rejects.toMatchObject({ code: "invalid" });
    }
  });

  it("finds the first event of any time among blocks of any size", async () => {
    const address = await log.topic();
    const times: number[] = [];
    for (let block = 0; block < 40; block += 1) {
      clock.advance(1_000);
      const events = makeEvents(1 + ((block * 7) % 13));
      const before = clock.now();
      await store(log.transport, address, events);
      times.push(...events.map(() => before));
    }
    for (let at = 0; at < times.length; at += 1) {
      const time = new Date(times[at] ?? 0);
      const [item] = (await log.transport.read(address, { at: "time", time }, 1)).items;
      expect(item && numberOf(item)).toBe(times.indexOf(times[at] ?? 0) + 1);
    }
    const { items } = await log.transport.read(address, { at: "time", time: new Date(clock.now() + 1_000) }, 1);
    expect(items).toEqual([]);
  });

  it("finds all events of an identity, newest first, and no others", async () => {
    const address = await log.topic();
    const same = { id: "same", source: "/a" };
    await store(log.transport, address, [makeEvent(same), makeEvent({ id: "same", source: "/b" }), makeEvent(same)]);
    await store(log.transport, address, makeEvents(2_000));
    await store(log.transport, address, [makeEvent(same), makeEvent({ id: "same\u00fc", source: "/a" })]);
    const { items, complete } = await log.transport.find(address, same);
    expect(items.map(numberOf)).toEqual([2_004, 3, 1]);
    expect(complete).toBe(true);
    expect((await log.transport.find(address, { id: "absent", source: "/a" })).items).toEqual([]);
  });

  it("names a topic by the bus that holds it", async () => {
    const address = await log.topic();
    expect(await log.transport.place(address)).toBe(`test/${address}`);
  });

  it("hands out what was open before anything new, also far down in the log", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address, EVERYTHING, "g");
    for (let round = 0; round < 20; round += 1) await store(log.transport, address, makeEvents(100));
    const items = await receiveCount(consumer, 1_500);
    const isOpen = (index: number): boolean => index % 3 === 0;
    ackAll(
      consumer,
      items.filter((_, index) => !isOpen(index)),
    );
    await log.restart();
    const next = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    const again = await receiveAndAck(next, 1_000);
    const expected = items.filter((_, index) => isOpen(index)).map(numberOf);
    expect(again.slice(0, 500).map(numberOf)).toEqual(expected);
    expect(again.slice(500).map(numberOf)).toEqual(Array.from({ length: 500 }, (_, index) => 1_501 + index));
    expect(again.map(({ redelivered }) => redelivered)).toEqual(again.map((_, index) => index < 500));
  });
});

function ofType(type: string): Matcher {
  return { matches: (event) => event.type === type, types: [type], source: undefined };
}

function ofSource(source: string): Matcher {
  return { matches: (event) => event.source === source, types: undefined, source };
}

function typed(count: number, from: number, isSparse: boolean): Event[] {
  return Array.from({ length: count }, (_, index) =>
    makeEvent({ id: `${from + index}`, type: isSparse && index % 50 !== 0 ? "other" : "wanted" }),
  );
}

async function receiveUpTo(consumer: Consumer, received: string[], count: number, max: number): Promise<void> {
  while (received.length < count) {
    const items = await receive(consumer, Math.min(max, count - received.length));
    received.push(...idsOf(items));
    ackAll(consumer, items);
  }
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error("it did not happen");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
