/** T58–T65: what a group is, and who owns the native side. */
import assert from "node:assert/strict";
import { MAILBOX_IDLE_MS } from "../../limits.ts";
import { type Consumer, type Item, isMalformed, type Start, type TransportError } from "../port.ts";
import type { ConformanceCase } from "./case.ts";
import { assertSameIds, idOf, idsOf, makeEvent, makeEvents } from "./events.ts";
import {
  ackAll,
  assertFlows,
  assertQuiet,
  assertRefused,
  assertRejects,
  EVERYTHING,
  inTime,
  openConsumer,
  pause,
  publishAll,
  receive,
  receiveAndAck,
  receiveCount,
  releaseAll,
  soon,
  topicWithGroup,
  until,
} from "./steps.ts";

/** Far beyond the limits that brokers set by themselves. */
const RELEASES = 50;
/** What brokers forbid, and what the usual escapes of it look like. */
const ODD_NAMES = ["a.b", "a_b", "a-b", "A.B", "a..b", "a__b", "a_2Eb", "a_2eb", "a-2Eb", "a_.b", "a._b"];
const LONG = "x".repeat(240);

export const groupCases: readonly ConformanceCase[] = [
  {
    id: "T58",
    title: "groups whose names differ only in what brokers forbid, in case, or after 240 characters, are different",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const names = [...ODD_NAMES, `${LONG}-1`, `${LONG}-2`].map((name) => `${group.slice(-12)}/${name}`);
      for (const name of names) await harness.transport.createGroup(address, name, { at: "latest" });
      const event = makeEvent();
      await publishAll(harness, address, [event]);
      for (const name of names) {
        const consumer = openConsumer(harness, address, name);
        assert.deepEqual(idsOf(await receiveAndAck(consumer, 1)), [event.id], name);
        await consumer.close(soon());
      }
    },
  },
  {
    id: "T59",
    title: "a group that exists keeps its position, whatever start is asked for",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const { transport } = harness;
      const before = new Date();
      await publishAll(harness, address, makeEvents(3));
      const consumer = openConsumer(harness, address, group);
      const [first] = await receiveAndAck(consumer, 3);
      assert.ok(first !== undefined);
      await consumer.close(soon());
      const starts: Start[] = [
        { at: "latest" },
        { at: "earliest" },
        { at: "time", time: before },
        { at: "position", position: first.position },
      ];
      const unread = makeEvent();
      await publishAll(harness, address, [unread]);
      for (const start of starts) {
        if (transport.capabilities.starts.includes(start.at)) await transport.createGroup(address, group, start);
      }
      const next = openConsumer(harness, address, group);
      assert.deepEqual(idsOf(await receiveAndAck(next, 1)), [unread.id]);
      await assertQuiet(harness, address, next);
    },
  },
  {
    id: "T60",
    title: "two processes on one group: they share its events, or only one of them receives",
    needs: ({ attach }) => attach !== undefined,
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const { transport, dispose } = (await harness.attach?.()) ?? assert.fail("the harness can't attach");
      const here = new Member(openConsumer(harness, address, group));
      await publishAll(harness, address, makeEvents(1));
      await until(() => here.received.length === 1, "the first process receives");
      const there = new Member(transport.consumer(address, group, { matcher: EVERYTHING }));
      await pause(harness.quietMs); // in which one of two owners learns that it is none
      const events = makeEvents(40);
      await publishAll(harness, address, events);
      const ids = events.map(({ id }) => id);
      const haveAll = () => ids.every((id) => here.received.includes(id) || there.received.includes(id));
      await until(haveAll, "both processes together receive everything");
      const counts = [here, there].map(({ received }) => received.filter((id) => ids.includes(id)).length);
      if (harness.transport.capabilities.group === "exclusive") {
        assert.deepEqual(counts.toSorted(), [0, ids.length].toSorted(), "only one of them receives");
      }
      for (const { failure } of [here, there])
        assert.ok(failure === undefined || failure.code === "fenced", failure?.message);
      await there.end();
      await inTime(transport.close(soon()), "close");
      await dispose();
      await here.end();
      await assertFlows(harness.transport, address, openConsumer(harness, address, group));
    },
  },
  {
    id: "T61",
    title: "a consumer that stops receiving keeps no event it was not asked for from the other members of its group",
    gate: ({ group }) => group === "shared",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(50);
      await publishAll(harness, address, events);
      const stopped = openConsumer(harness, address, group);
      const held = await receiveCount(stopped, 1);
      const other = openConsumer(harness, address, group);
      const rest = await inTime(receiveAndAck(other, 49), "the rest", MAILBOX_IDLE_MS + 10_000);
      assertSameIds(
        idsOf([...held, ...rest]),
        events.map(({ id }) => id),
        "all of them, once",
      );
      ackAll(stopped, held);
      await other.close(soon());
      await assertFlows(harness.transport, address, stopped);
    },
  },
  {
    id: "T62",
    title: "an event that is released fifty times still comes again",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const event = makeEvent();
      await publishAll(harness, address, [event]);
      const consumer = openConsumer(harness, address, group);
      for (let count = 0; count < RELEASES; count += 1) releaseAll(consumer, await receive(consumer, 1));
      assert.deepEqual(idsOf(await receiveAndAck(consumer, 1)), [event.id]);
      await assertQuiet(harness, address, consumer);
    },
  },
  {
    id: "T63",
    title: "a consumer that pauses longer than anything is leased finds each event once and can settle what it held",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const events = makeEvents(20);
      await publishAll(harness, address, events.slice(0, 10));
      const consumer = openConsumer(harness, address, group);
      const held = await receiveCount(consumer, 1);
      await pause(Math.max(MAILBOX_IDLE_MS + 1_000, 2.5 * (harness.leaseMs ?? 0)));
      await publishAll(harness, address, events.slice(10));
      const rest = await receiveAndAck(consumer, 19);
      assertSameIds(
        idsOf([...held, ...rest]),
        events.map(({ id }) => id),
        "each once",
      );
      if (harness.transport.capabilities.ordering === "topic") {
        assert.deepEqual(
          idsOf([...held, ...rest]),
          events.map(({ id }) => id),
          "in their order",
        );
      }
      ackAll(consumer, held);
      await assertQuiet(harness, address, consumer);
    },
  },
  {
    id: "T64",
    title:
      "where the operator owns the broker, nothing is created: what is missing is not_found, what is there is taken",
    needs: ({ publishForeign }) => publishForeign !== undefined,
    async run(harness) {
      const { transport } = harness;
      const { address, group } = await topicWithGroup(harness);
      const settings = { ...harness.settings, provision: false };
      const missing = harness.name();
      await assertRejects(transport.provision(missing, settings), "not_found", "provision of a missing topic");
      const [result] = await transport.publisher(missing).publish([makeEvent()], soon());
      assertRefused(result, "not_found");
      await transport.provision(address, settings);
      await transport.createGroup(address, group, { at: "latest" });
      const other = transport.createGroup(address, harness.name(), { at: "latest" });
      await assertRejects(other, "not_found", "a missing group");
      await assertFlows(transport, address, openConsumer(harness, address, group));
    },
  },
  {
    id: "T65",
    title: "with the raw envelope a message that is no CloudEvent becomes an event, its bytes untouched",
    needs: ({ publishForeign }) => publishForeign !== undefined,
    async run(harness) {
      const { transport } = harness;
      const address = harness.name();
      await transport.provision(address, { ...harness.settings, envelope: "raw" });
      await transport.createGroup(address, "group", { at: "latest" });
      const consumer = openConsumer(harness, address, "group");
      const bytes = Buffer.from([0, 0xff, 0x7b, 0x22]);
      await harness.publishForeign?.(address, bytes);
      const first = await receiveRaw(consumer, bytes);
      releaseAll(consumer, [first]);
      const again = await receiveRaw(consumer, bytes);
      if (transport.capabilities.position === "always") {
        assert.equal(idOf(again), idOf(first), "the id is the same at each delivery");
        assert.equal(again.position, first.position);
      }
      ackAll(consumer, [again]);
      await assertFlows(transport, address, consumer); // a CloudEvent stays one
      await transport.deprovision(address);
    },
  },
];

async function receiveRaw(consumer: Consumer, bytes: Buffer): Promise<Item> {
  const [item] = await receive(consumer, 1);
  assert.ok(item !== undefined && !isMalformed(item.event), "an event, not a malformed message");
  assert.equal(item.event.type, "io.pulsebus.raw");
  assert.ok(item.event.id.length > 0 && item.event.source.startsWith("/"), "an id and a source of its own");
  assert.deepEqual(item.event.data?.bytes, bytes);
  return item;
}

/** A member of a group that acks all it gets, until its end or an error. */
class Member {
  readonly received: string[] = [];
  readonly #consumer: Consumer;
  readonly #done = new AbortController();
  readonly #running: Promise<void>;
  failure: TransportError | undefined;

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
    this.#running = this.#run().catch((error) => {
      this.failure = error;
    });
  }

  async end(): Promise<void> {
    this.#done.abort();
    await inTime(this.#running, "a member ends");
    await this.#consumer.close(soon());
  }

  async #run(): Promise<void> {
    while (!this.#done.signal.aborted) {
      const items = await this.#consumer.receive(10, this.#done.signal);
      ackAll(this.#consumer, items);
      this.received.push(...idsOf(items));
    }
  }
}
