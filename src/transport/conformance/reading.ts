/** T72, T73: native messages that are written sloppily. */
import assert from "node:assert/strict";
import { type ConsumerOptions, isMalformed, type TopicSettings } from "../port.ts";
import type { ConformanceCase, Harness } from "./case.ts";
import { idOf } from "./events.ts";
import { ackAll, assertQuiet, EVERYTHING, receiveCount } from "./steps.ts";

const BYTE_ORDER_MARK = "\ufeff";
const EVENT = { specversion: "1.0", id: "sloppy", source: "/native", type: "com.example.native", data: { a: 1 } };
const SLOPPY = Buffer.from(BYTE_ORDER_MARK + JSON.stringify(EVENT));

/** What a group is handed of a structured event that starts with a byte order mark, and which leniencies were told. */
async function receiveSloppy(harness: Harness, changes: Partial<TopicSettings>) {
  const { transport } = harness;
  const [address, group] = [await harness.address(), harness.name()];
  await transport.provision(address, { ...harness.settings, ...changes });
  await transport.createGroup(address, group, { at: "latest" });
  await harness.publishForeign?.(address, SLOPPY, "application/cloudevents+json");
  const told: string[] = [];
  const options: ConsumerOptions = { matcher: EVERYTHING, leniency: (name) => told.push(name) };
  const consumer = transport.consumer(address, group, options);
  const [item] = await receiveCount(consumer, 1);
  assert.ok(item !== undefined);
  ackAll(consumer, [item]);
  await assertQuiet(harness, address, consumer);
  return { item, told };
}

export const readingCases: readonly ConformanceCase[] = [
  {
    id: "T72",
    title: "a native message that is written sloppily is read, and what that needed is told by name",
    needs: ({ publishForeign }) => publishForeign !== undefined,
    async run(harness) {
      const { item, told } = await receiveSloppy(harness, {});
      assert.equal(idOf(item), EVENT.id);
      assert.deepEqual([...new Set(told)], ["byte-order-mark"]);
    },
  },
  {
    id: "T73",
    title: "where the topic is strict a native message that is written sloppily is malformed, its bytes as they are",
    needs: ({ publishForeign }) => publishForeign !== undefined,
    async run(harness) {
      const { item, told } = await receiveSloppy(harness, { strict: true });
      assert.ok(isMalformed(item.event), "read, although the topic is strict");
      assert.notEqual(item.event.malformed, "", "the reason");
      assert.deepEqual(item.event.bytes, SLOPPY);
      assert.deepEqual(told, [], "nothing was tolerated");
    },
  },
];
