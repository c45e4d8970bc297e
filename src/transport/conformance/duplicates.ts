/** T66–T69: idempotent publish. */
import assert from "node:assert/strict";
import type { Event } from "../../event/event.ts";
import type { Capabilities, Position, PublishResult } from "../port.ts";
import type { ConformanceCase, Harness } from "./case.ts";
import { assertSameIds, idsOf, makeEvent } from "./events.ts";
import { assertQuiet, assertStored, inTime, openConsumer, pause, publishAll, receiveAndAck, soon } from "./steps.ts";

const PUBLISHERS = 100;
/** Longer than a case. */
const LONG = 10 * 60_000;
/** The shortest that can be configured. */
const SHORT = 1_000;
/** How often it is tried whether an event is stored again. */
const TRY_EVERY = 50;

export const duplicateCases: readonly ConformanceCase[] = [
  {
    id: "T66",
    title: "an event that is published again is stored once: in one call, at the same time, and later",
    gate: ({ dedupe }) => dedupe,
    async run(harness) {
      const { address, group } = await dedupingTopic(harness, LONG);
      const [together, other, atOnce] = [makeEvent(), makeEvent(), makeEvent()];
      const publisher = harness.transport.publisher(address);
      const batch = await inTime(publisher.publish([together, other, together, other], soon()), "publish");
      const [first, second, ...again] = batch.map(outcomeOf);
      assert.deepEqual([first?.isDuplicate, second?.isDuplicate], [false, false], "the first two are stored");
      const places = [first, second].map((outcome) => ({ position: outcome?.position, isDuplicate: true }));
      assert.deepEqual(again, places, "the others are duplicates of them");
      const calls = Array.from({ length: PUBLISHERS }, () => publishOne(harness, address, atOnce));
      const outcomes = await Promise.all(calls);
      assert.equal(outcomes.filter(({ isDuplicate }) => !isDuplicate).length, 1, "one of them is stored");
      assert.equal(new Set(outcomes.map(({ position }) => position)).size, 1, "all have its position");
      assert.deepEqual(await publishOne(harness, address, together), places[0], "a later one");
      const consumer = openConsumer(harness, address, group);
      const items = await receiveAndAck(consumer, 3);
      assertSameIds(idsOf(items), [together.id, other.id, atOnce.id], "what is stored");
      await assertQuiet(harness, address, consumer);
    },
    async refusal(harness) {
      const { address, group } = await dedupingTopic(harness, LONG);
      const event = makeEvent();
      for (const result of [await publishOne(harness, address, event), await publishOne(harness, address, event)]) {
        assert.equal(result.isDuplicate, false, "a duplicate is recognized, which is declared false");
      }
      const items = await receiveAndAck(openConsumer(harness, address, group), 2);
      assertSameIds(idsOf(items), [event.id, event.id], "both are stored");
    },
  },
  {
    id: "T67",
    title: "an event that is published again after a restart is stored once",
    gate: canRemember,
    async run(harness) {
      const { address, group } = await dedupingTopic(harness, LONG);
      const event = makeEvent();
      const { position } = await publishOne(harness, address, event);
      await harness.restart();
      await provision(harness, address, LONG);
      assert.deepEqual(await publishOne(harness, address, event), { position, isDuplicate: true });
      const consumer = openConsumer(harness, address, group);
      assertSameIds(idsOf(await receiveAndAck(consumer, 1)), [event.id], "what is stored");
      await assertQuiet(harness, address, consumer);
    },
  },
  {
    id: "T68",
    title: "an event that is published again after the window is stored again, also when the window became shorter",
    gate: ({ dedupe }) => dedupe,
    async run(harness) {
      const { address, group } = await dedupingTopic(harness, LONG);
      const event = makeEvent();
      const startedAt = Date.now();
      const first = await publishOne(harness, address, event);
      await provision(harness, address, SHORT);
      const deadline = soon();
      let again = await publishOne(harness, address, event);
      while (again.isDuplicate) {
        assert.equal(again.position, first.position, "a duplicate has the first one's position");
        assert.ok(Date.now() < deadline, "the window does not end");
        await pause(TRY_EVERY);
        again = await publishOne(harness, address, event);
      }
      assert.ok(Date.now() - startedAt >= SHORT, "the window ended before its time");
      assert.notEqual(again.position, first.position, "it is another one");
      const items = await receiveAndAck(openConsumer(harness, address, group), 2);
      assertSameIds(idsOf(items), [event.id, event.id], "both are stored");
    },
  },
  {
    id: "T69",
    title: "only an event with the same source and the same id, in the same topic, is a duplicate",
    gate: ({ dedupe }) => dedupe,
    async run(harness) {
      const { address } = await dedupingTopic(harness, LONG);
      const other = await dedupingTopic(harness, LONG);
      const identities = [
        ["/a", "b"],
        ["/a", "B"],
        ["/A", "b"],
        ["/a/b", "b"],
        ["/a", "/b"],
        ["/a/", "b"],
        ["/ä", "b"],
      ] as const;
      const events = identities.map(([source, id]) => makeEvent({ source, id, data: Buffer.from(id) }));
      for (const event of events) {
        assert.equal((await publishOne(harness, address, event)).isDuplicate, false, `${event.source} ${event.id}`);
      }
      for (const event of identities.map(([source, id]) => makeEvent({ source, id, type: "another" }))) {
        assert.equal((await publishOne(harness, address, event)).isDuplicate, true, `${event.source} ${event.id}`);
      }
      await publishAll(harness, other.address, events);
      assert.equal((await harness.transport.topicStats(other.address)).events, events.length, "in another topic");
      await harness.transport.deprovision(address);
      await provision(harness, address, LONG);
      const [event] = events;
      assert.ok(event !== undefined);
      assert.equal((await publishOne(harness, address, event)).isDuplicate, false, "a topic that is created anew");
    },
  },
];

interface Outcome {
  readonly position: Position | undefined;
  readonly isDuplicate: boolean;
}

function canRemember({ dedupe, durable }: Capabilities): boolean {
  return dedupe && durable;
}

async function dedupingTopic(harness: Harness, windowMs: number): Promise<{ address: string; group: string }> {
  const [address, group] = [await harness.address(), harness.name()];
  await provision(harness, address, windowMs);
  await harness.transport.createGroup(address, group, { at: "latest" });
  return { address, group };
}

function provision({ transport, settings }: Harness, address: string, windowMs: number): Promise<void> {
  return transport.provision(address, { ...settings, dedupe: { windowMs } });
}

async function publishOne({ transport }: Harness, address: string, event: Event): Promise<Outcome> {
  const [result] = await inTime(transport.publisher(address).publish([event], soon()), "publish");
  return outcomeOf(result);
}

function outcomeOf(result: PublishResult | undefined): Outcome {
  assertStored(result);
  return { position: result.position, isDuplicate: result.duplicate === true };
}
