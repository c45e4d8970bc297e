import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogPage } from "../../../adapters/embedded/sql/reads.ts";
import { EVENT_BYTES_MAX } from "../../../src/limits.ts";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import {
  ackAll,
  inTime,
  receive,
  receiveAndAck,
  receiveCount,
  soon,
} from "../../../src/transport/conformance/steps.ts";
import { eventually } from "../../support/eventually.ts";
import { FaultyDatabase } from "./faulty-database.ts";
import { EmbeddedLog, EVERYTHING } from "./log.ts";
import { expectNothing, numberOf, publish, store } from "./steps.ts";

describe("a commit of the embedded log", () => {
  let log: EmbeddedLog;
  let faults: FaultyDatabase;

  beforeEach(async () => {
    log = await EmbeddedLog.open({
      wrap: (database) => {
        faults = new FaultyDatabase(database);
        return faults;
      },
    });
  });
  afterEach(() => log.remove());

  it("comes before the publish is answered and before anybody is handed its events", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address);
    await store(log.transport, address, [makeEvent({ id: "warm" })]);
    await receiveAndAck(consumer, 1);
    const answer = faults.hold("embedded.append");
    let isAnswered = false;
    const publishing = publish(log.transport, address, [makeEvent({ id: "held" })]).finally(() => {
      isAnswered = true;
    });
    await expectNothing(consumer);
    expect(isAnswered).toBe(false);
    answer();
    await publishing;
    expect(idsOf(await receiveAndAck(consumer, 1))).toEqual(["held"]);
  });

  it("is not read from the log by a group that is behind, before it was answered", async () => {
    const address = await log.topic();
    const [position = ""] = await store(log.transport, address, makeEvents(3, "e"));
    await log.transport.createGroup(address, "g", { at: "earliest" });
    const consumer = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    const answer = faults.hold("embedded.append");
    const publishing = publish(log.transport, address, [makeEvent({ id: "held" })]);
    const isStored = async (): Promise<void> => {
      const page = await log.database.read<LogPage>("embedded.page", {
        ...{ topic: Number(position.split("-")[0]), from: 1, until: 9, maxEvents: 9, maxBytes: 1e6 },
      });
      expect(page.blocks.at(-1)?.first).toBe(4);
    };
    await eventually(isStored);
    expect(idsOf(await receiveAndAck(consumer, 3))).toEqual(["e-0", "e-1", "e-2"]);
    await expectNothing(consumer);
    answer();
    await publishing;
    await store(log.transport, address, [makeEvent({ id: "next" })]);
    expect(idsOf(await receiveAndAck(consumer, 2))).toEqual(["held", "next"]);
  });

  it("that is rolled back is answered as not stored, is delivered to nobody and uses up no position", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address);
    faults.fail("embedded.append", "refuse");
    const [refused] = await publish(log.transport, address, [makeEvent({ id: "refused" })]);
    expect(refused).toMatchObject({
      ok: false,
      stored: "no",
      error: { code: "unavailable", retryable: true, retryAfterSeconds: 5 },
    });
    await store(log.transport, address, [makeEvent({ id: "stored" })]);
    const items = await receiveAndAck(consumer, 1);
    expect(idsOf(items)).toEqual(["stored"]);
    expect(items.map(numberOf)).toEqual([1]);
  });

  it("whose answer was lost is unknown, and its events come in their place with the next commit", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address);
    await expectNothing(consumer); // from here on it is fed by commits, not by reading
    await store(log.transport, address, makeEvents(2, "before"));
    await receiveAndAck(consumer, 1);
    faults.fail("embedded.append", "lose");
    const [lost] = await publish(log.transport, address, [makeEvent({ id: "lost" })]);
    expect(lost).toMatchObject({ ok: false, stored: "unknown", error: { code: "unavailable" } });
    await store(log.transport, address, makeEvents(2, "after"));
    const items = await receiveAndAck(consumer, 4);
    expect(idsOf(items)).toEqual(["before-1", "lost", "after-0", "after-1"]);
    expect(items.map(numberOf)).toEqual([2, 3, 4, 5]);
  });

  it("that takes too long lets each publish end by its deadline with an unknown outcome", async () => {
    const address = await log.topic();
    const answer = faults.hold("embedded.append");
    const publisher = log.transport.publisher(address);
    const [short] = await inTime(publisher.publish([makeEvent()], Date.now() + 50), "its deadline", 2_000);
    expect(short).toMatchObject({ ok: false, stored: "unknown", error: { code: "timeout" } });
    const long = publisher.publish([makeEvent()], soon());
    answer();
    expect((await long)[0]?.ok).toBe(true);
    expect((await log.transport.topicStats(address)).events).toBe(2);
  });

  it("that is waited for by too many bytes makes further publishes throttled, and not stored", async () => {
    const address = await log.topic();
    const answer = faults.hold("embedded.append");
    const large = makeEvent({ data: Buffer.alloc(EVENT_BYTES_MAX - 1024) });
    const waiting = Array.from({ length: 5 }, () => publish(log.transport, address, [large]));
    const [throttled] = await publish(log.transport, address, [makeEvent()]);
    expect(throttled).toMatchObject({ ok: false, stored: "no", error: { code: "throttled", retryAfterSeconds: 1 } });
    answer();
    for (const [result] of await Promise.all(waiting)) expect(result?.ok).toBe(true);
    await store(log.transport, address, [makeEvent()]);
  });

  it("of positions that fails is repeated, so that nothing comes again after a restart", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address, EVERYTHING, "g");
    await store(log.transport, address, makeEvents(10));
    faults.fail("embedded.progress", "refuse", "lose", "refuse");
    await receiveAndAck(consumer, 10);
    await eventually(() => expect(faults.hasFailed("embedded.progress")).toBe(true));
    await log.restart();
    await expectNothing(log.transport.consumer(address, "g", { matcher: EVERYTHING }));
  });

  it("of other groups' positions is not what closing a consumer waits for", async () => {
    const address = await log.topic();
    const busy = await log.consumer(address);
    const closing = await log.consumer(address);
    await store(log.transport, address, makeEvents(10_000));
    const open = await receiveCount(busy, 10_000);
    await receiveAndAck(closing, 100);
    let isClosed = false;
    const acking = (async () => {
      while (!isClosed && open.length > 0) {
        ackAll(busy, open.splice(-1)); // one in each turn, so that there is always something to write down
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await inTime(closing.close(soon()), "close");
    isClosed = true;
    await acking;
    expect(open.length).toBeGreaterThan(0);
  });

  it("of a claim that fails is repeated before anything is handed out", async () => {
    const address = await log.topic();
    faults.fail("embedded.claim", "refuse", "refuse");
    const consumer = await log.consumer(address);
    const waiting = receive(consumer);
    await eventually(() =>
      expect(consumer.state).toMatchObject({ status: "reconnecting", error: { code: "unavailable" } }),
    );
    await store(log.transport, address, [makeEvent({ id: "one" })]);
    expect(idsOf(await waiting)).toEqual(["one"]);
    expect(consumer.state).toMatchObject({ status: "receiving", error: undefined });
  });

  it("is not needed to read on: a page that can't be read is read again", async () => {
    const address = await log.topic();
    await log.transport.createGroup(address, "g", { at: "latest" });
    await store(log.transport, address, makeEvents(10, "e"));
    const consumer = log.transport.consumer(address, "g", { matcher: EVERYTHING });
    faults.fail("embedded.page", "refuse", "refuse");
    const items = await receiveAndAck(consumer, 10);
    expect(items.map(numberOf)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(faults.hasFailed("embedded.page")).toBe(true);
  });

  it("of an open delivery is exact after a drain: only what was open is redelivered, and it alone is marked", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address, EVERYTHING, "g");
    await store(log.transport, address, makeEvents(6, "e"));
    const items = await receiveCount(consumer, 4);
    ackAll(consumer, [...items.slice(0, 1), ...items.slice(2)]);
    await log.database.check(); // the acks are in this commit: only closing is left to write down
    await log.restart();
    const again = await receiveAndAck(log.transport.consumer(address, "g", { matcher: EVERYTHING }), 3);
    expect(again.map((item) => [numberOf(item), item.redelivered])).toEqual([
      [2, true],
      [5, false],
      [6, false],
    ]);
  });

  it("marks a group before anything is handed out, so that after a crash everything counts as redelivered", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address, EVERYTHING, "g");
    await store(log.transport, address, makeEvents(3));
    const answer = faults.hold("embedded.claim");
    const waiting = receiveCount(consumer, 2);
    await expect(Promise.race([waiting, log.database.check()])).resolves.toBeUndefined();
    answer();
    expect((await waiting).map(({ redelivered }) => redelivered)).toEqual([false, false]);
    await log.crash();
    await store(log.transport, address, makeEvents(1));
    const again = await receiveAndAck(log.transport.consumer(address, "g", { matcher: EVERYTHING }), 4);
    expect(again.map((item) => [numberOf(item), item.redelivered])).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, false], // stored since
    ]);
  });

  it("is refused before the disk is full, while positions still move", async () => {
    const address = await log.topic();
    await log.transport.createGroup(address, "g", { at: "latest" });
    await store(log.transport, address, makeEvents(3));
    await log.stop();
    const full = await EmbeddedLog.reopen(log.directory, { minFreeBytes: Number.MAX_SAFE_INTEGER });
    const [refused] = await publish(full.transport, address, [makeEvent()]);
    expect(refused).toMatchObject({ ok: false, stored: "no", error: { code: "unavailable", retryAfterSeconds: 5 } });
    await receiveAndAck(full.transport.consumer(address, "g", { matcher: EVERYTHING }), 3);
    await full.restart();
    await expectNothing(full.transport.consumer(address, "g", { matcher: EVERYTHING }));
    await full.stop();
  });
});
