import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import { receiveAndAck } from "../../../src/transport/conformance/steps.ts";
import { eventually } from "../../support/eventually.ts";
import { EmbeddedLog, SETTINGS, TestClock } from "./log.ts";
import { numberOf, publish, store } from "./steps.ts";

describe("positions of the embedded log", () => {
  const clock = new TestClock(20);
  let log: EmbeddedLog;

  beforeAll(async () => {
    log = await EmbeddedLog.open({ clock });
  });
  afterAll(() => log.remove());

  it("are not used again after retention emptied the topic, nor after a restart then", async () => {
    const address = await log.topic({ retention: { maxAgeMs: 60_000, maxBytes: 1e9 } });
    const before = await store(log.transport, address, makeEvents(5));
    clock.advance(120_000);
    await eventually(async () => expect((await log.transport.topicStats(address)).events).toBe(0));
    const [between] = await store(log.transport, address, [makeEvent()]);
    clock.advance(120_000);
    await eventually(async () => expect((await log.transport.topicStats(address)).events).toBe(0));
    await log.restart();
    const [after] = await store(log.transport, address, [makeEvent()]);
    expect([...before, between, after].map((position) => numberOf({ position: position ?? "" }))).toEqual([
      1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  it("differ in their generation after the topic was deleted and created again, whatever was in it", async () => {
    const address = await log.topic();
    const [first] = await store(log.transport, address, [makeEvent()]);
    const positions = new Set([first]);
    for (let round = 0; round < 3; round += 1) {
      await log.transport.deprovision(address);
      if (round === 1) await log.restart();
      await log.transport.provision(address, SETTINGS);
      const [position] = await store(log.transport, address, [makeEvent()]);
      positions.add(position);
    }
    expect(positions.size).toBe(4);
  });

  it("of a deleted topic are refused as a start, and unknown as progress", async () => {
    const address = await log.topic();
    const [old = ""] = await store(log.transport, address, [makeEvent()]);
    await log.transport.deprovision(address);
    await log.transport.provision(address, SETTINGS);
    await expect(log.transport.createGroup(address, "g", { at: "position", position: old })).rejects.toMatchObject({
      code: "invalid",
    });
    await log.transport.createGroup(address, "g", { at: "earliest" });
    expect(await log.transport.progress(address, "g", old)).toBe("unknown");
  });

  it("tell where they stand for a group: unread, open, settled", async () => {
    const address = await log.topic();
    const consumer = await log.consumer(address, undefined, "g");
    const [first = "", second = "", third = ""] = await store(log.transport, address, makeEvents(3));
    await receiveAndAck(consumer, 1);
    await consumer.receive(1, new AbortController().signal);
    const progress = await Promise.all(
      [first, second, third, `${first}0`].map((position) => log.transport.progress(address, "g", position)),
    );
    expect(progress).toEqual(["settled", "open", "unread", "unknown"]);
    await consumer.close(clock.now() + 10_000);
  });

  it("of a failed publish are given to the next one", async () => {
    const address = await log.topic();
    const tooLarge = makeEvent({ data: Buffer.alloc(log.transport.capabilities.limits.eventBytes + 1) });
    const results = await publish(log.transport, address, [makeEvent(), tooLarge, makeEvent()]);
    expect(results.map((result) => (result.ok ? numberOf({ position: result.position ?? "" }) : "refused"))).toEqual([
      1,
      "refused",
      2,
    ]);
  });
});
