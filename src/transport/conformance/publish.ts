/** T17–T22: publishing. */
import assert from "node:assert/strict";
import type { ConformanceCase, Harness, Outage } from "./case.ts";
import { assertSameIds, idsOf, makeEvent, makeEvents } from "./events.ts";
import {
  assertRefused,
  assertStored,
  duringOutage,
  inTime,
  openConsumer,
  publishAll,
  publishRecovered,
  receiveAndAck,
  soon,
  topicWithGroup,
  untilManageable,
} from "./steps.ts";

const PUBLISHERS = 40;
const CALLS = 25;
const TOPICS = 16;
/** How long a publish may try in an outage. */
const OUTAGE_DEADLINE = 2_000;

export const publishCases: readonly ConformanceCase[] = [
  {
    id: "T17",
    title: "a publish resolves only after durable storage: its events survive a restart right after it",
    gate: ({ durable }) => durable,
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(20);
      await publishAll(harness, address, events);
      await harness.restart();
      const items = await receiveAndAck(openConsumer(harness, address, group), events.length);
      assertSameIds(
        idsOf(items),
        events.map(({ id }) => id),
        "what was confirmed before the restart",
      );
    },
  },
  {
    id: "T18",
    title: "a partly failing publish answers by index, and after a failed event its key's later ones are aborted",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const keyed = (key: string, data = Buffer.from("x")) => makeEvent({ attributes: [["partitionkey", key]], data });
      const tooLarge = Buffer.alloc(harness.transport.capabilities.limits.eventBytes + 1);
      const events = [keyed("a"), keyed("a", tooLarge), keyed("b"), keyed("a"), makeEvent(), keyed("b")];
      const results = await inTime(harness.transport.publisher(address).publish(events, soon()), "publish");
      const codes = results.map((result) => (result.ok ? "ok" : result.error.code));
      assert.deepEqual(codes, ["ok", "too_large", "ok", "aborted", "ok", "ok"]);
      const stored = events.filter((_, index) => results[index]?.ok);
      const items = await receiveAndAck(openConsumer(harness, address, group), stored.length);
      assertSameIds(
        idsOf(items),
        stored.map(({ id }) => id),
        "exactly what was answered ok is stored",
      );
    },
  },
  {
    id: "T19",
    title: "batches of 1, 6, the maximum and one more arrive complete, and an empty batch is a no-op",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const consumer = openConsumer(harness, address, group);
      assert.deepEqual(await harness.transport.publisher(address).publish([], soon()), []);
      const { batchCount } = harness.transport.capabilities.limits;
      for (const count of [1, 6, batchCount, batchCount + 1]) {
        const events = makeEvents(count);
        await publishAll(harness, address, events);
        const items = await receiveAndAck(consumer, count);
        assertSameIds(
          idsOf(items),
          events.map(({ id }) => id),
          `a batch of ${count}`,
        );
      }
    },
  },
  {
    id: "T20",
    title: "many publishers in parallel lose and duplicate nothing",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const ids: string[] = [];
      const publishing = Array.from({ length: PUBLISHERS }, async () => {
        for (let call = 0; call < CALLS; call += 1) {
          const events = makeEvents(1 + (call % 5));
          ids.push(...events.map(({ id }) => id));
          await publishAll(harness, address, events);
        }
      });
      await Promise.all(publishing);
      const items = await receiveAndAck(openConsumer(harness, address, group), ids.length);
      assertSameIds(idsOf(items), ids, "all publishers together");
    },
  },
  {
    id: "T21",
    title: "many topics in parallel do not mix",
    async run(harness) {
      const topic = async (): Promise<void> => {
        const { address, group } = await topicWithGroup(harness);
        const events = makeEvents(50, address);
        for (const event of events) await publishAll(harness, address, [event]);
        const items = await receiveAndAck(openConsumer(harness, address, group), events.length);
        assertSameIds(
          idsOf(items),
          events.map(({ id }) => id),
          address,
        );
      };
      await Promise.all(Array.from({ length: TOPICS }, topic));
    },
  },
  {
    id: "T22",
    title: "a publish after close fails closed, and every publish is answered by its deadline",
    async run(harness) {
      const { address } = await topicWithGroup(harness);
      const publisher = harness.transport.publisher(address);
      const [first] = await publisher.publish([makeEvent()], soon());
      assertStored(first);
      await inTime(publisher.close(soon()), "close");
      const [late] = await inTime(publisher.publish([makeEvent()], soon()), "publish after close");
      assertRefused(late, "closed");
      const passed = harness.transport.publisher(address).publish([makeEvent()], Date.now() - 1);
      const [result] = await inTime(passed, "a publish whose deadline has passed", 5_000);
      assert.ok(result !== undefined && (result.ok || result.error.code === "timeout"), "stored, or out of time");
      for (const kind of ["cut", "stall"] as const) await answersInOutage(harness, address, kind);
    },
  },
];

/** While nothing gets through, each publish fails by its deadline as something that may work later. */
async function answersInOutage(harness: Harness, address: string, kind: Outage): Promise<void> {
  if (harness.outage === undefined) return;
  const publisher = harness.transport.publisher(address);
  await publishAll(harness, address, [makeEvent()]); // it is connected
  await duringOutage(harness, kind, async () => {
    const calls = Array.from({ length: 3 }, () => publisher.publish(makeEvents(2), soon(OUTAGE_DEADLINE)));
    const results = (await inTime(Promise.all(calls), `a publish (${kind})`, 2 * OUTAGE_DEADLINE)).flat();
    assert.equal(results.length, 6);
    for (const result of results) {
      assert.ok(!result.ok, "stored, while nothing gets through");
      assert.ok(["unavailable", "timeout"].includes(result.error.code), `${kind}: ${result.error.code}`);
    }
  });
  await publishRecovered(harness, address, [makeEvent()]);
  await untilManageable(harness);
}
